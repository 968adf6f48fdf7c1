import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ROOT } from './tools.ts';

interface Options {
  /** Further arguments of its last command. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** File that gets both streams. Default: they go to standard output, so that nothing is written after the last line. */
  readonly log?: string | undefined;
}

const running = new Set<ChildProcess>();

/** Runs what package.json calls a script as npm would, without needing npm. Resolves with whether it succeeded. */
export async function runScript(script: string, options: Options = {}): Promise<boolean> {
  const commands = script.split(' && ');
  const log = options.log === undefined ? undefined : openSync(options.log, 'w');
  try {
    for (const command of commands) {
      const args = command === commands.at(-1) ? options.args : [];
      if (!(await runCommand(command, args ?? [], options.environment ?? {}, log))) return false;
    }
    return true;
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

/** Tells every command that runs to end, as the terminal's Ctrl-C does. */
export function endRunningScripts(): void {
  for (const child of running) child.kill('SIGTERM');
}

async function runCommand(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  log: number | undefined,
): Promise<boolean> {
  // The command takes the shell's place, so a signal reaches it.
  const child = spawn('/bin/sh', ['-c', `exec ${command} "$@"`, 'sh', ...args], {
    cwd: ROOT,
    env: {
      ...process.env,
      PATH: `${join(ROOT, 'node_modules', '.bin')}${delimiter}${process.env['PATH']}`,
      ...environment,
    },
    stdio: ['ignore', log ?? 'inherit', log ?? process.stdout],
  });
  running.add(child);
  const [code] = await once(child, 'exit');
  running.delete(child);
  return code === 0;
}
