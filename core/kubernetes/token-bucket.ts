import type { Clock } from '../time/clock.ts';

/** Reservations at a steady rate after a first burst. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #ratePerMillisecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, { ratePerSecond, burst }: { ratePerSecond: number; burst: number }) {
    this.#clock = clock;
    this.#ratePerMillisecond = ratePerSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = clock.monotonic();
  }

  /** Takes one token, if need be from the future. @returns after how many ms it is there */
  reserve(): number {
    const now = this.#clock.monotonic();
    const earned = (now - this.#at) * this.#ratePerMillisecond;
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned) - 1;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#ratePerMillisecond;
  }
}
