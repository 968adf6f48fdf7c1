/** When a round trip must end: at its deadline, or when its caller has gone. */

import type { Clock } from '../../core/time/clock.ts';
import { ForwardError } from './error.ts';

/** setTimeout takes 32 bits; a deadline beyond them is none. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class Cutoff {
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #signal: AbortSignal;
  readonly #timer: { cancel(): void } | undefined;
  readonly #onAbort = (): void => this.#cut();
  #listener: ((code: CutCode) => void) | undefined;

  constructor(clock: Clock, deadline: number, signal: AbortSignal) {
    this.#clock = clock;
    this.#deadline = deadline;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
    const left = deadline - clock.monotonic();
    if (left <= LONGEST_TIMER) this.#timer = clock.after(Math.max(0, left), () => this.#cut());
  }

  /** Why nothing may be written any more. Asks the clock: a timer can be late, a write must not be. */
  get code(): CutCode | undefined {
    if (this.#clock.monotonic() >= this.#deadline) return 'DeadlineExceeded';
    return this.#signal.aborted ? 'CallAborted' : undefined;
  }

  /** The last listener is the one that hears of the cut; at once, if it has come already. */
  listen(listener: (code: CutCode) => void): void {
    this.#listener = listener;
    if (this.code !== undefined) this.#cut();
  }

  dispose(): void {
    this.#listener = undefined;
    this.#timer?.cancel();
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  #cut(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.(this.code ?? 'DeadlineExceeded');
  }
}

export type CutCode = 'DeadlineExceeded' | 'CallAborted';

export function cutError(code: CutCode, dispatched: boolean): ForwardError {
  const detail =
    code === 'DeadlineExceeded'
      ? "The use's deadline passed before the exchange was complete."
      : 'The caller went away before the exchange was complete.';
  return new ForwardError(code, dispatched, detail);
}
