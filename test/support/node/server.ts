import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServerName, stateFiles } from './layout.ts';

const AGAIN_MILLISECONDS = 200;
const HELD_MILLISECONDS = 50;

/** How to start one of the cluster's programs. */
export interface Server {
  readonly name: ServerName;
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * Keeps a server running, as systemd would: it is started again whenever it ended, unless a file named after it lies in
 * `held`. Its pid is in `pids`, so that a test can kill it. Everything ends with the pid namespace.
 */
export async function supervise(directory: string, server: Server): Promise<never> {
  const files = stateFiles(directory);
  const pidFile = join(files.pids, server.name);
  const held = join(files.held, server.name);
  for (;;) {
    while (existsSync(held)) await sleep(HELD_MILLISECONDS);
    const child = start(server, join(files.logs, `${server.name}.log`));
    // Whole, whenever it is read.
    writeFileSync(`${pidFile}.new`, `${child.pid}`);
    renameSync(`${pidFile}.new`, pidFile);
    const outcome = await ended(child);
    rmSync(pidFile, { force: true });
    process.stdout.write(`${server.name} ended: ${outcome}\n`);
    await sleep(AGAIN_MILLISECONDS);
  }
}

function start({ command, args }: Server, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`${signal ?? `exit code ${code}`}`));
  });
}
