import type { Clock } from './clock.ts';

/**
 * Waits for the work, but no longer than so many ms of this clock. Only the waiting ends then: the work goes on, and what it
 * comes to is not heard any more. The timer never outlives the wait.
 * @param late what stands for the result when time is up; it may throw instead
 * @throws what the work rejects with, or what `late` throws
 */
export async function within<T, L>(
  clock: Clock,
  milliseconds: number,
  work: Promise<T>,
  late: () => L,
): Promise<T | L> {
  const timeUp = Promise.withResolvers<void>();
  const timer = clock.after(milliseconds, timeUp.resolve);
  try {
    return await Promise.race([work, timeUp.promise.then(late)]);
  } finally {
    timer.cancel();
  }
}
