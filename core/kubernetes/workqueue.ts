/** A keyed work queue with the semantics of client-go's. */

import { type Backoff, backoffDelay } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { TokenBucket } from './token-bucket.ts';

export interface WorkQueueOptions {
  clock: Clock;
  /** First delay of a key that failed. Default 5 ms. */
  baseDelayMilliseconds?: number;
  /** Default 60 s. */
  maxDelayMilliseconds?: number;
  /** Overall rate of rate-limited adds. Default 10 a second. */
  ratePerSecond?: number;
  /** Default 100. */
  burst?: number;
  /** From [0, 1), for the delays of keys that failed. Default Math.random. */
  random?: () => number;
}

export interface WorkQueue {
  /** Waiting keys are merged; a key in work is queued again when it is done. */
  add(key: string): void;
  /** As `add`, later. Of several times for one key the earliest counts. */
  addAfter(key: string, milliseconds: number): void;
  /** As `addAfter`, with a delay that doubles with every call until `forget`. */
  addRateLimited(key: string): void;
  /** The key went well: its next delay is the first one again. */
  forget(key: string): void;
  /** How often the key was added rate-limited since it was forgotten. */
  retries(key: string): number;
  /** The next key; undefined when the queue is shut down and empty. Rejects when the signal fires. */
  get(signal?: AbortSignal): Promise<string | undefined>;
  /** Every key from `get` must be done, whatever happened. */
  done(key: string): void;
  /** Ready keys that wait. */
  readonly length: number;
  /** Takes no more; hands out what is ready; resolves when all of it is done. */
  shutDown(): Promise<void>;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyedQueue(options);
}

/** A longer setTimeout would fire at once. A key that comes earlier than asked for does no harm. */
const LONGEST_TIMER_MILLISECONDS = 2 ** 31 - 1;

interface Timer {
  at: number;
  cancel(): void;
}

class KeyedQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #bucket: TokenBucket;
  readonly #random: () => number;
  /** In their order; a Set so that taking the first is cheap. */
  readonly #ready = new Set<string>();
  readonly #inWork = new Set<string>();
  /** Added while in work. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, Timer>();
  readonly #failures = new Map<string, number>();
  /** Those who wait in `get`, in their order. */
  readonly #waiting = new Set<(key: string | undefined) => void>();
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#backoff = {
      firstMilliseconds: options.baseDelayMilliseconds ?? 5,
      maximumMilliseconds: options.maxDelayMilliseconds ?? 60_000,
    };
    this.#bucket = new TokenBucket(options.clock, {
      ratePerSecond: options.ratePerSecond ?? 10,
      burst: options.burst ?? 100,
    });
    this.#random = options.random ?? Math.random;
  }

  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#drained) return;
    if (this.#inWork.has(key)) this.#again.add(key);
    else this.#makeReady(key);
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.#drained) return;
    if (!(milliseconds > 0)) {
      this.add(key);
      return;
    }
    const delay = Math.min(milliseconds, LONGEST_TIMER_MILLISECONDS);
    const at = this.#clock.monotonic() + delay;
    const pending = this.#timers.get(key);
    if (pending && pending.at <= at) return;
    pending?.cancel();
    const timer = this.#clock.after(delay, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { at, cancel: () => timer.cancel() });
  }

  addRateLimited(key: string): void {
    const failures = this.retries(key) + 1;
    this.#failures.set(key, failures);
    const ownDelay = backoffDelay(this.#backoff, failures, this.#random);
    this.addAfter(key, Math.max(ownDelay, this.#bucket.reserve()));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  retries(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  get(signal?: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const waiting = this.#waiting;
      const onAbort = (): void => {
        waiting.delete(take);
        reject(signal?.reason);
      };
      const take = (key: string | undefined): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(key);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      waiting.add(take);
      this.#handOut();
    });
  }

  done(key: string): void {
    this.#inWork.delete(key);
    if (this.#again.delete(key)) this.#makeReady(key);
    this.#handOut();
  }

  shutDown(): Promise<void> {
    if (!this.#drained) {
      this.#drained = Promise.withResolvers<void>();
      for (const timer of this.#timers.values()) timer.cancel();
      this.#timers.clear();
    }
    this.#handOut();
    return this.#drained.promise;
  }

  #makeReady(key: string): void {
    this.#ready.add(key);
    this.#handOut();
  }

  #handOut(): void {
    for (const take of this.#waiting) {
      const [key] = this.#ready;
      if (key === undefined) break;
      this.#ready.delete(key);
      this.#inWork.add(key);
      this.#waiting.delete(take);
      take(key);
    }
    if (!this.#drained || this.#ready.size > 0) return;
    // A key in work may have been added again before the shut-down: its worker takes it too.
    if (this.#again.size > 0) return;
    for (const take of this.#waiting) take(undefined);
    this.#waiting.clear();
    if (this.#inWork.size === 0) this.#drained.resolve();
  }
}
