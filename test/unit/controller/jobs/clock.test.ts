import { expect, test } from 'vitest';
import { jobClock } from '../../../../controller/jobs/clock.ts';

const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;

test('a timer of a job keeps its process alive until it is cancelled', () => {
  const before = timers();
  const timer = jobClock.after(60_000, () => {});
  expect(timers()).toBe(before + 1);
  timer.cancel();
  expect(timers()).toBe(before);
});

test('a timer of a job fires', async () => {
  await new Promise<void>((resolve) => {
    jobClock.after(1, resolve);
  });
});
