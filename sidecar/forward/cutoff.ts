/** When a round trip must end: at its deadline, or when its caller has gone. */

import type { Clock } from '../../core/time/clock.ts';
import { ForwardError } from './error.ts';

/** How often the wall clock is asked: timers stand still while a machine sleeps, and it does not. */
const LOOK_MILLISECONDS = 1_000;

export class Cutoff {
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #wallDeadline: number;
  readonly #signal: AbortSignal;
  #timer: { cancel(): void } | undefined;
  readonly #onAbort = (): void => this.#cut();
  #listener: ((code: CutCode) => void) | undefined;

  /**
   * @param deadline on the monotonic scale
   * @param wallDeadline the same on the wall clock, as it was when the deadline was set. The monotonic clock of Linux stands
   * still while a machine sleeps or is paused; the controller's goes on, and closes the use.
   */
  constructor(
    clock: Clock,
    deadline: number,
    signal: AbortSignal,
    wallDeadline = clock.now() + deadline - clock.monotonic(),
  ) {
    this.#clock = clock;
    this.#deadline = deadline;
    this.#wallDeadline = wallDeadline;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
    this.#wait();
  }

  /** Why nothing may be written any more. Asks the clocks: a timer can be late, a write must not be. */
  get code(): CutCode | undefined {
    if (this.#left() <= 0) return 'DeadlineExceeded';
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
    this.#timer = undefined;
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  /** Milliseconds, by the clock that says fewer. */
  #left(): number {
    return Math.min(
      this.#deadline - this.#clock.monotonic(),
      this.#wallDeadline - this.#clock.now(),
    );
  }

  #wait(): void {
    const pause = Math.min(Math.max(0, this.#left()), LOOK_MILLISECONDS);
    this.#timer = this.#clock.after(pause, () => {
      if (this.code === undefined) this.#wait();
      else this.#cut();
    });
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
