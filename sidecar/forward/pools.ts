/** Connections without a credential, kept for the next call of the same identity to the same host. */

import type { Pool as PoolType } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';

/** How long an idle connection is kept: shorter than what servers usually do, so that they seldom close first. */
const IDLE_MILLISECONDS = 4_000;

export class Pools {
  readonly #maximum: number;
  readonly #connections: number;
  readonly #pools = new Map<string, PoolType>();

  constructor(maximum: number, connections: number) {
    this.#maximum = maximum;
    this.#connections = connections;
  }

  /** The pool of a key; made on first use. The least recently used one goes when there are too many. */
  get(key: string, describe: () => { origin: string; options: PoolType.Options }): PoolType {
    const pool = this.#pools.get(key) ?? this.#make(describe());
    // A Map keeps insertion order: taking out and putting back makes this pool the most recently used.
    this.#pools.delete(key);
    this.#pools.set(key, pool);
    const oldest = this.#pools.entries().next().value;
    if (this.#pools.size > this.#maximum && oldest !== undefined) {
      this.#pools.delete(oldest[0]);
      // Calls in flight end in their own time.
      oldest[1].close().catch(() => {});
    }
    return pool;
  }

  #make({ origin, options }: { origin: string; options: PoolType.Options }): PoolType {
    return new Pool(origin, {
      ...options,
      connections: this.#connections,
      keepAliveTimeout: IDLE_MILLISECONDS,
      keepAliveMaxTimeout: IDLE_MILLISECONDS,
    });
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }
}
