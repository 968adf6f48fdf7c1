/** At most so many at a time; who waits for a turn may give up, and is not missed. */
export class Turns {
  #free: number;
  /** In the order of their coming. */
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#free = most;
  }

  /**
   * Resolves in turn, with what ends it.
   * @throws the reason of the first of these signals, which nobody hears once the turn has come
   */
  async take(...signals: readonly AbortSignal[]): Promise<() => void> {
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
        this.#waiting.delete(go);
        reject(signal.reason);
      };
      const go = (): void => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
