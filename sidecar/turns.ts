/**
 * Long computations, a few milliseconds at a time. Between two of them everything else goes on that waits: above all the end of a
 * use, which revokes a credential (P3). An agent can have as many bodies and heads read as it likes; without turns, those that have
 * arrived together would be read one after the other before anything else is done.
 */

import type { Clock } from '../core/time/clock.ts';

/** What may be computed in one turn of the event loop; more only where a single computation takes it. */
const MILLISECONDS = 10;

export class Turns {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #waiting: (() => void)[] = [];
  /** Of this turn, ms. */
  #used = 0;
  #isNextScheduled = false;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Computes at once if there is time left in this turn, or else in a later one, in the order of the calls. */
  run<T>(compute: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const take = (): void => {
        const start = this.#clock.monotonic();
        try {
          resolve(compute());
        } catch (error) {
          reject(error);
        }
        this.#used += this.#clock.monotonic() - start;
      };
      if (this.#waiting.length === 0 && this.#used < MILLISECONDS) take();
      else this.#waiting.push(take);
      this.#scheduleNext();
    });
  }

  /** Node has read and written, and timers have run, between one call of `setImmediate` and the next. */
  #scheduleNext(): void {
    if (this.#isNextScheduled || (this.#used === 0 && this.#waiting.length === 0)) return;
    this.#isNextScheduled = true;
    setImmediate(() => {
      this.#isNextScheduled = false;
      this.#used = 0;
      do this.#waiting.shift()?.();
      while (this.#waiting.length > 0 && this.#used < MILLISECONDS);
      this.#scheduleNext();
    });
  }
}
