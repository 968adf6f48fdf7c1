/** Token buckets, one a pod: nobody starves the others (P17). */

import { ProblemError } from '../../core/api/problem.ts';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Clock } from '../../core/time/clock.ts';

export interface RateLimiter {
  /** @throws ProblemError TooManyRequests */
  take(key: string): void;
}

export interface RateLimitOptions {
  clock: Clock;
  ratePerSecond: number;
  burst: number;
  /** Buckets kept; the least recently used is forgotten first. */
  capacity: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

export function createRateLimiter(options: RateLimitOptions): RateLimiter {
  const { clock, ratePerSecond, burst, capacity } = options;
  const buckets = new BoundedMap<string, Bucket>(capacity);
  return {
    take(key) {
      const now = clock.monotonic();
      const before = buckets.get(key) ?? { tokens: burst, at: now };
      const tokens = Math.min(burst, before.tokens + ((now - before.at) / 1000) * ratePerSecond);
      buckets.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
      if (tokens < 1) {
        throw new ProblemError(
          'TooManyRequests',
          `More than ${ratePerSecond} requests a second from this pod; slow down and try again.`,
        );
      }
    },
  };
}
