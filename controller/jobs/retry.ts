/** Waits for what needs a moment, and for nothing else. */

import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { ConfigReader } from '../../process/config.ts';
import { reasonOf, say } from './output.ts';

const PAUSE_MILLISECONDS = 1_000;

/**
 * Of a connection that nobody took. A Service's first endpoint is Ready before each node has heard of it: until then nodes
 * refuse connections to the Service, and its name may not resolve.
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

/** How long each step may fail for what may pass; 0 is a single try. */
export function readPatienceSeconds(reader: ConfigReader): number {
  return reader.integer('ACTIONGRANT_PATIENCE_SECONDS', { min: 0, max: 600 }, 30);
}

/** Says why a step is tried again. @throws whatever it throws that time does not mend, or its last failure */
export async function patiently<T>(step: () => Promise<T>, patienceSeconds: number): Promise<T> {
  const start = performance.now();
  for (;;) {
    try {
      return await step();
    } catch (error) {
      const waited = performance.now() - start;
      if (!mayPass(error) || waited + PAUSE_MILLISECONDS > patienceSeconds * 1_000) throw error;
      say(`Not yet: ${reasonOf(error)}`);
      await sleep(PAUSE_MILLISECONDS);
    }
  }
}

export function mayPass(error: unknown): boolean {
  // What the API server says when it does not reach a webhook is a 500: ambiguous, if it were not a dry run.
  if (isKubernetesError(error, 'Unavailable', 'Ambiguous', 'TooManyRequests')) return true;
  if (error instanceof ProblemError) return error.retryable;
  if (!(error instanceof Error)) return false;
  return error.name === 'TimeoutError' || ('code' in error && NOBODY_THERE.has(error.code));
}
