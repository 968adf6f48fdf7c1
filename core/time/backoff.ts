/** Pauses between tries that grow with every failure, so that a server that is down is not flooded with tries. */

/** The pause after the first failure, in ms, and what it doubles up to with each further one. */
export interface Backoff {
  firstMilliseconds: number;
  maximumMilliseconds: number;
}

/** 2 ** 30 first pauses are longer than any maximum; without a bound the factor would become Infinity, and 0 × Infinity NaN. */
const MAX_DOUBLINGS = 30;

/**
 * How long to wait before the next try, in ms: with equal jitter, that is half of the pause and a random part of the other
 * half. Those who failed together then do not come back together.
 * @param failures in a row so far, the last one included: 1 or more
 * @param random from [0, 1)
 */
export function backoffDelay(backoff: Backoff, failures: number, random: () => number): number {
  const doubled = backoff.firstMilliseconds * 2 ** Math.min(failures - 1, MAX_DOUBLINGS);
  return jittered(Math.min(doubled, backoff.maximumMilliseconds), random);
}

/**
 * A pause of at least half of so many ms, and at most all of them.
 * @param random from [0, 1)
 */
export function jittered(milliseconds: number, random: () => number): number {
  const half = milliseconds / 2;
  return half + random() * half;
}
