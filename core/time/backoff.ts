/** How long to wait before trying again. */
export interface Backoff {
  firstMilliseconds: number;
  maximumMilliseconds: number;
}

/**
 * Doubles with every failure up to the maximum, then takes a random point of its upper half, so
 * that replicas that failed together don't come back together.
 */
export function backoffDelay(backoff: Backoff, failures: number, random: () => number): number {
  const doubled = backoff.firstMilliseconds * 2 ** Math.min(failures - 1, 30);
  const whole = Math.min(doubled, backoff.maximumMilliseconds);
  return whole / 2 + random() * (whole / 2);
}
