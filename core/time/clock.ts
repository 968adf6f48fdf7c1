/** Time as a parameter, so that deadlines can be tested without waiting. */

export interface Clock {
  /** Wall clock, ms since the epoch: for what is written down. */
  now(): number;
  /** Monotonic clock, ms: for deadlines. Never goes back, unlike the wall clock. */
  monotonic(): number;
  after(milliseconds: number, fn: () => void): { cancel(): void };
}

/** Node's own clocks. Timers do not keep the process alive: what must finish is awaited. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, fn) {
    const timer = setTimeout(fn, milliseconds);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
