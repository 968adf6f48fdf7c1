import { expect, test } from 'vitest';
import { within } from '../../../../core/time/deadline.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const LATE = () => 'late' as const;

test('work that ends in time gives its result and leaves no timer', async () => {
  const clock = new FakeClock();
  const work = Promise.withResolvers<string>();
  const result = within(clock, 100, work.promise, LATE);
  await clock.advance(99);
  work.resolve('done');
  expect(await result).toBe('done');
  expect(clock.pending).toBe(0);
});

test('work that fails in time gives its error and leaves no timer', async () => {
  const clock = new FakeClock();
  const failed = Promise.reject(new Error('refused'));
  await expect(within(clock, 100, failed, LATE)).rejects.toThrow('refused');
  expect(clock.pending).toBe(0);
});

test('work that takes longer gives what stands for being late', async () => {
  const clock = new FakeClock();
  const result = within(clock, 100, new Promise<string>(() => {}), LATE);
  await clock.advance(100);
  expect(await result).toBe('late');
});

test('being late may be an error', async () => {
  const clock = new FakeClock();
  const result = within(clock, 100, new Promise<string>(() => {}), () => {
    throw new RangeError('too late');
  });
  const refused = expect(result).rejects.toThrow('too late');
  await clock.advance(100);
  await refused;
});

test('work that fails after its time is up disturbs nobody', async () => {
  const clock = new FakeClock();
  const work = Promise.withResolvers<string>();
  const result = within(clock, 100, work.promise, LATE);
  await clock.advance(100);
  work.reject(new Error('failed later'));
  expect(await result).toBe('late');
  // An unhandled rejection would fail the run.
  await clock.advance(1);
});
