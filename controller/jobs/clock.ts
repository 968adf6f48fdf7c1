import { type Clock, systemClock } from '../../core/time/clock.ts';

/** The clock of a job. Its timers keep the process alive: while a job waits for its next try, nothing else may. */
export const jobClock: Clock = {
  ...systemClock,
  after(milliseconds, fn) {
    const timer = setTimeout(fn, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  },
};
