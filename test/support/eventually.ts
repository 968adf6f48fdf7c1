import { setTimeout as sleep } from 'node:timers/promises';

/** More than anything takes that is waited for here; whoever waits for longer says so. */
const WITHIN_MILLISECONDS = 15_000;

/** Tries again until it no longer throws (real time); then fails as it last did. */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { withinMilliseconds = WITHIN_MILLISECONDS, everyMilliseconds = 5 } = {},
): Promise<T> {
  const deadline = performance.now() + withinMilliseconds;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(everyMilliseconds);
    }
  }
}
