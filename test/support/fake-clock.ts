import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../core/time/clock.ts';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** A clock that moves only when a test moves it. */
export class FakeClock implements Clock {
  /** Wall clock minus monotonic clock: change it to let the wall clock jump. */
  wallOffset = Date.UTC(2026, 0, 1);
  #monotonic = 1_000;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.wallOffset + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(milliseconds: number, fn: () => void): { cancel(): void } {
    const timer = { at: this.#monotonic + milliseconds, fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Fires what comes due, in its order; what that causes may set timers that come due too. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#monotonic + milliseconds;
    for (;;) {
      await settle();
      const next = this.#nextUntil(end);
      if (!next) break;
      this.#timers.delete(next);
      this.#monotonic = Math.max(this.#monotonic, next.at);
      next.fn();
    }
    this.#monotonic = end;
    await settle();
  }

  /** What work comes to, with as much time on this clock as it takes. */
  async through<T>(work: Promise<T>, stepMilliseconds = 100): Promise<T> {
    let settled = false;
    const watched = work.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    while (!settled) {
      await this.advance(stepMilliseconds);
      // Sockets need a moment of the real clock.
      await sleep(1);
    }
    return watched;
  }

  #nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    }
    return next;
  }
}

/** Lets promises run their course, as far as they go without time or network. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}
