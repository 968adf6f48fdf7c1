import { expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';

it('the wall clock is the time of day', () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
});

it('the monotonic clock goes on while a timer runs, and never back', async () => {
  const start = systemClock.monotonic();
  await new Promise<void>((resolve) => {
    systemClock.after(20, resolve);
  });
  // Timers round to a millisecond.
  expect(systemClock.monotonic() - start).toBeGreaterThanOrEqual(19);
});

it('a timer that was cancelled does not fire', async () => {
  let fired = false;
  const timer = systemClock.after(5, () => {
    fired = true;
  });
  timer.cancel();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(fired).toBe(false);
});
