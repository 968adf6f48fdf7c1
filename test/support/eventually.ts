import { setTimeout as sleep } from 'node:timers/promises';

/** More than anything takes that is waited for here; whoever waits for longer says so. */
const WITHIN_MILLISECONDS = 15_000;

export interface Patience {
  readonly withinMilliseconds?: number;
  /** Default: soon at first, and the more seldom the longer it has taken. */
  readonly everyMilliseconds?: number;
}

const SOONEST_MILLISECONDS = 5;
const LATEST_MILLISECONDS = 250;
/** Of the time that it has taken: so much later than it could be is it noticed. */
const LATE = 0.05;

/** Tries again until it no longer throws (real time); then fails as it last did. */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { withinMilliseconds = WITHIN_MILLISECONDS, everyMilliseconds }: Patience = {},
): Promise<T> {
  const start = performance.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const taken = performance.now() - start;
      if (taken > withinMilliseconds) throw error;
      const soon = Math.min(Math.max(SOONEST_MILLISECONDS, taken * LATE), LATEST_MILLISECONDS);
      await sleep(everyMilliseconds ?? soon);
    }
  }
}
