/** A counting semaphore: at most so many permits are out at a time. A waiter that gives up is not served. */
export class Semaphore {
  #free: number;
  /** First come, first served. */
  readonly #waiting = new Set<() => void>();

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Waits for a permit.
   * @param signals end the waiting; once the permit is given, they change nothing
   * @returns what gives the permit back, to be called exactly once
   * @throws the reason of the first signal that fires
   */
  async acquire(...signals: readonly AbortSignal[]): Promise<() => void> {
    for (const signal of signals) signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(AbortSignal.any([...signals]));
    return () => {
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(proceed);
        reject(signal.reason);
      };
      const proceed = (): void => {
        this.#waiting.delete(proceed);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#waiting.add(proceed);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
