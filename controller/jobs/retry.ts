/** Tries a step again while time may mend what it failed for, and for nothing else. */

import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { jittered } from '../../core/time/backoff.ts';
import type { Clock } from '../../core/time/clock.ts';
import { pause } from '../../core/time/pause.ts';
import type { ConfigReader } from '../../process/config.ts';
import { type Output, reasonOf } from './output.ts';

/** At most. */
const PAUSE_MILLISECONDS = 1_000;

/**
 * Codes of a connection that nobody took. A Service's first endpoint is Ready before each node has heard of it: until then
 * nodes refuse connections to the Service, and its name may not resolve.
 */
const NOBODY_THERE: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

export interface RetryOptions {
  /** How long a step may fail for what may pass, in s; 0 is a single try. */
  seconds: number;
  clock: Clock;
  /** Is told why a step is tried again. */
  output: Output;
  /** From [0, 1). Default Math.random. */
  random?: () => number;
}

/** Does a step until it succeeds. @throws whatever it throws that time does not mend, or its last failure */
export type Retry = <T>(step: () => Promise<T>) => Promise<T>;

/** The setting that all jobs have: `RetryOptions.seconds`. */
export function readRetrySeconds(reader: ConfigReader): number {
  return reader.integer('ACTIONGRANT_PATIENCE_SECONDS', { min: 0, max: 600 }, 30);
}

/** Each step has the whole time to itself. */
export function createRetry({ seconds, clock, output, random = Math.random }: RetryOptions): Retry {
  return async (step) => {
    const start = clock.monotonic();
    for (;;) {
      try {
        return await step();
      } catch (error) {
        const waited = clock.monotonic() - start;
        if (!isTransient(error) || waited + PAUSE_MILLISECONDS > seconds * 1_000) throw error;
        output(`Trying again: ${reasonOf(error)}`);
        await pause(clock, jittered(PAUSE_MILLISECONDS, random));
      }
    }
  };
}

/** Whether the same step may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  // What the API server says when it does not reach a webhook is a 500: ambiguous, if it were not a dry run.
  if (isKubernetesError(error, 'Unavailable', 'Ambiguous', 'TooManyRequests')) return true;
  if (error instanceof ProblemError) return error.retryable;
  if (!(error instanceof Error)) return false;
  return error.name === 'TimeoutError' || ('code' in error && NOBODY_THERE.has(error.code));
}
