import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Who waits for longer says so. */
const QUIET_MILLISECONDS = 500;

/** Does this while no other process holds the same lock file; waits for one that does, and says so. */
export async function withLock<T>(
  lock: string,
  action: () => T | Promise<T>,
  { everyMilliseconds = 500 } = {},
): Promise<T> {
  mkdirSync(dirname(lock), { recursive: true });
  await takeLock(lock, everyMilliseconds);
  const release = () => rmSync(lock, { force: true });
  const interrupted = () => {
    release();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await action();
  } finally {
    release();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

async function takeLock(lock: string, everyMilliseconds: number): Promise<void> {
  const since = performance.now();
  let told = false;
  while (!tryLock(lock)) {
    if (isAbandoned(lock)) {
      rmSync(lock, { force: true });
    } else if (!told && performance.now() - since >= QUIET_MILLISECONDS) {
      console.log(`waiting for another process to finish (${lock})`);
      told = true;
    }
    await sleep(everyMilliseconds);
  }
}

/** Creating a file that must not exist either works or fails; the owner's pid is its content. */
function tryLock(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (isExistsError(error)) return false;
    throw error;
  }
}

function isExistsError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

/** Its owner was killed. Should two waiters take it over at once, both act, which only costs. */
function isAbandoned(lock: string): boolean {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    return owner > 0 && !process.kill(owner, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
