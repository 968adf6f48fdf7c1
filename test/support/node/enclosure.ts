import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../../scripts/tools.ts';
import { stateFiles } from './layout.ts';

const SCRIPT = join(ROOT, 'test/support/node/enclosure.sh');
const PREFIX = 'actiongrant-node-';
const POLL_MILLISECONDS = 50;
/** A new state directory is empty for as long as it takes to start a process. */
const STARTED_MILLISECONDS = 10_000;

/** Environment of everything that an enclosure is made of: its state directory. */
export const ENCLOSURE_VARIABLE = 'ACTIONGRANT_TEST_ENCLOSURE';

/** A command in namespaces of its own, and everything it started. */
export interface Enclosure {
  /** Its state directory, which goes away with it. */
  readonly directory: string;
  /** True until it ended. */
  readonly running: boolean;
  /** Kills all of it, and resolves once nothing is left. */
  stop(): Promise<void>;
}

/**
 * Runs a command in network, mount and pid namespaces of its own (enclosure.sh). It ends with this process, however that
 * ends, and takes every process, mount, cgroup and file with it.
 *
 * @param command from a new state directory to what runs inside
 * @param log file descriptor for what it writes
 */
export async function startEnclosure(
  command: (directory: string) => readonly string[],
  log: number,
): Promise<Enclosure> {
  await sweepAbandoned();
  const directory = mkdtempSync(join(tmpdir(), PREFIX));
  const child = spawn(
    '/bin/sh',
    [SCRIPT, directory, basename(directory), ...command(directory)],
    // A session of its own: a terminal's Ctrl-C ends its owner, and that ends it.
    {
      detached: true,
      stdio: ['pipe', log, log],
      env: { ...process.env, [ENCLOSURE_VARIABLE]: directory },
    },
  );
  child.stdin?.on('error', () => {});
  return {
    directory,
    get running() {
      return isRunning(child);
    },
    async stop() {
      const ended = isRunning(child) ? once(child, 'exit') : undefined;
      child.stdin?.destroy();
      await ended;
      // It was killed itself.
      if (existsSync(directory)) await sweep(basename(directory));
    },
  };
}

/** Resolves once the cluster inside wrote that it is ready. @throws Error if it ends or takes too long */
export async function untilReady(enclosure: Enclosure, withinMilliseconds: number): Promise<void> {
  const deadline = performance.now() + withinMilliseconds;
  while (readText(stateFiles(enclosure.directory).ready) === undefined) {
    if (!enclosure.running) throw new Error('the cluster ended while it started');
    if (performance.now() > deadline) {
      throw new Error(`the cluster was not ready after ${withinMilliseconds / 1000} s`);
    }
    await sleep(POLL_MILLISECONDS);
  }
}

/**
 * Argument vector that runs a command inside, in this working directory. It is killed with the process that starts it.
 *
 * @throws Error if nothing runs there
 */
export function insideArguments(directory: string, command: readonly string[]): string[] {
  const pid = firstProcess(directory);
  if (pid === undefined) throw new Error(`no cluster runs in ${directory}`);
  const tied = ['setpriv', '--pdeathsig', 'KILL'];
  return [
    ...tied,
    ...['nsenter', `--target=${pid}`, '--net', '--mount', '--pid', '--', ...tied],
    ...['sh', '-c', 'cd -- "$1" && shift && exec "$@"', 'sh', process.cwd(), ...command],
  ];
}

/** Host's pid of the first process inside. */
export function firstProcess(directory: string): string | undefined {
  const holder = readText(stateFiles(directory).holder)?.trim();
  if (!holder) return undefined;
  return readText(`/proc/${holder}/task/${holder}/children`)?.trim().split(' ')[0] || undefined;
}

/** Where cgroups are made. Version 1 has a tree for each controller, version 2 only one. */
export function cgroupTrees(): string[] {
  const root = '/sys/fs/cgroup';
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  return list(root).map((name) => join(root, name));
}

/** Directories and cgroups whose enclosure.sh was killed before it could remove them. */
async function sweepAbandoned(): Promise<void> {
  const names = new Set(
    [tmpdir(), ...cgroupTrees()].flatMap(list).filter((name) => name.startsWith(PREFIX)),
  );
  for (const name of names) {
    const directory = join(tmpdir(), name);
    if (!isStarting(directory) && !isOwned(directory)) await sweep(name);
  }
}

async function sweep(name: string): Promise<void> {
  const child = spawn('/bin/sh', [SCRIPT, join(tmpdir(), name), name], { stdio: 'inherit' });
  await once(child, 'exit');
}

/** Whether somebody else has just made it for an enclosure.sh that does not run yet. */
function isStarting(directory: string): boolean {
  const made = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - made < STARTED_MILLISECONDS && list(directory).length === 0;
}

/** Whether an enclosure.sh with this directory runs; another clone's may. */
function isOwned(directory: string): boolean {
  return list('/proc').some((pid) =>
    readText(`/proc/${pid}/cmdline`)?.includes(`/${basename(SCRIPT)}\0${directory}\0`),
  );
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
