/** Pauses between tries that grow with every failure, so that a server that is down is not flooded with tries. */

/** The pause after the first failure, in ms, and what it doubles up to with each further one. */
export interface Backoff {
  firstMilliseconds: number;
  maximumMilliseconds: number;
}

/** 2 ** 30 first pauses are longer than any maximum; without a bound the factor would become Infinity, and 0 × Infinity NaN. */
const MAX_DOUBLINGS = 30;

/**
 * How long to wait before the next try, in ms.
 * @param failures in a row so far, the last one included: 1 or more
 */
export function backoffDelay(backoff: Backoff, failures: number): number {
  const doubled = backoff.firstMilliseconds * 2 ** Math.min(failures - 1, MAX_DOUBLINGS);
  return Math.min(doubled, backoff.maximumMilliseconds);
}

/**
 * As `backoffDelay`, with equal jitter: half of the delay, and a random part of the other half. Processes that failed
 * together then do not come back together.
 * @param random from [0, 1)
 */
export function jitteredBackoffDelay(
  backoff: Backoff,
  failures: number,
  random: () => number,
): number {
  const half = backoffDelay(backoff, failures) / 2;
  return half + random() * half;
}
