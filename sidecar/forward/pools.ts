/** Connections without a credential, kept for the next call of the same identity to the same host. */

import type { Socket } from 'node:net';
import type { Pool as PoolType } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';

/** How long an idle connection is kept: shorter than what servers usually do, so that they seldom close first. */
const IDLE_MILLISECONDS = 4_000;

export interface PooledConnections {
  readonly pool: PoolType;
  /** Those of its connections that speak HTTP/2. */
  readonly http2: Set<Socket>;
}

export class Pools {
  readonly #maximum: number;
  readonly #connections: number;
  readonly #pools = new Map<string, PooledConnections>();

  constructor(maximum: number, connections: number) {
    this.#maximum = maximum;
    this.#connections = connections;
  }

  /** The pool of a key; made on first use. The least recently used one goes when there are too many. */
  get(
    key: string,
    describe: (http2: Set<Socket>) => { origin: string; options: PoolType.Options },
  ): PooledConnections {
    const connections = this.#pools.get(key) ?? this.#make(describe);
    // A Map keeps insertion order: taking out and putting back makes this pool the most recently used.
    this.#pools.delete(key);
    this.#pools.set(key, connections);
    const oldest = this.#pools.entries().next().value;
    if (this.#pools.size > this.#maximum && oldest !== undefined) {
      this.#pools.delete(oldest[0]);
      // Calls in flight end in their own time.
      oldest[1].pool.close().catch(() => {});
    }
    return connections;
  }

  #make(
    describe: (http2: Set<Socket>) => { origin: string; options: PoolType.Options },
  ): PooledConnections {
    const http2 = new Set<Socket>();
    const { origin, options } = describe(http2);
    const pool = new Pool(origin, {
      ...options,
      connections: this.#connections,
      keepAliveTimeout: IDLE_MILLISECONDS,
      keepAliveMaxTimeout: IDLE_MILLISECONDS,
    });
    return { pool, http2 };
  }

  async close(): Promise<void> {
    const all = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(all.map(({ pool }) => pool.destroy()));
  }
}
