import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `"$@"` under its own pid and process group, with a watcher in that group that reads a pipe
 * this process holds the only writing end of. However this process ends, kill -9 included, the
 * kernel closes the pipe and the watcher kills the group. While the watcher lives the group's
 * number can't be reused, so it can never hit a stranger.
 */
const TIE = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 0) & exec "$@" 3<&- </dev/null';

/** Removes a directory: at once when told, and when the pipe is closed instead, once the servers that write to it had time to die. */
const SWEEP = 'read -r now || sleep 1; rm -rf -- "$1"';

/** Less than a kubelet's default of 30 s: a stop that needs more, and so is killed, waits for something it should not. */
export const GRACE_MILLISECONDS = 25_000;

/** A child process that never outlives the process that started it. */
export class TiedProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #ended: Promise<void>;

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    logFile: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    this.#child = spawn('/bin/sh', ['-c', TIE, 'sh', command, ...args], {
      detached: true,
      stdio: ['pipe', log, log],
      env: { ...process.env, ...environment },
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    // The pipe breaks when the group is killed: that is how it is meant to end.
    this.#child.stdin?.on('error', () => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return (
      this.#child.pid !== undefined &&
      this.#child.exitCode === null &&
      this.#child.signalCode === null
    );
  }

  /** Null while it runs, and if a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** The last lines it wrote, for the message of a start that failed. */
  logTail(lines = 20): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** SIGTERM, and SIGKILL once the grace period is over. */
  async stop(graceMilliseconds: number): Promise<void> {
    if (this.running) {
      this.#child.kill('SIGTERM');
      await Promise.race([this.#ended, sleep(graceMilliseconds, undefined, { ref: false })]);
    }
    await this.kill();
  }

  /** SIGKILL, as a crash: nothing is flushed or said goodbye to. */
  async kill(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.#ended;
    this.#child.stdin?.destroy();
  }
}

/** A process that ended or was not ready in time, with the last lines of its log. */
export class StartError extends Error {
  readonly addressInUse: boolean;

  constructor(process: TiedProcess, why = '') {
    const log = process.logTail();
    super(`${process.name} did not become ready${why === '' ? '' : `: ${why}`}\n${log}`);
    this.addressInUse = log.includes('address already in use');
  }
}

const START_ATTEMPTS = 3;

/** Starts anew, on other ports, what ended because a port that was free when it was looked up was taken when it was bound. */
export async function startOnFreePorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const again = error instanceof StartError && error.addressInUse;
      if (!again || attempt === START_ATTEMPTS) throw error;
    }
  }
}

/** Removes `directory` when this process ends in whatever way; call the result to do it now, once nobody writes to it any more. */
export function sweepAtExit(directory: string): () => Promise<void> {
  const sweeper = spawn('/bin/sh', ['-c', SWEEP, 'sh', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const done = new Promise<void>((resolve) => sweeper.once('exit', () => resolve()));
  return async () => {
    sweeper.stdin?.end('now\n');
    await done;
  };
}
