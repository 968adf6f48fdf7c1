import { expect, test } from 'vitest';
import { backoffDelay, jittered } from '../../../../core/time/backoff.ts';

const BACKOFF = { firstMilliseconds: 200, maximumMilliseconds: 10_000 };

const DELAYS: [failures: number, milliseconds: number][] = [
  [1, 200],
  [2, 400],
  [3, 800],
  [6, 6_400],
  [7, 10_000],
  [8, 10_000],
  [2_000, 10_000],
];

test.each(DELAYS)(
  'after %d failures in a row the delay is in the upper half of %d ms',
  (failures, whole) => {
    expect(backoffDelay(BACKOFF, failures, () => 0)).toBe(whole / 2);
    expect(backoffDelay(BACKOFF, failures, () => 0.5)).toBe(0.75 * whole);
    expect(backoffDelay(BACKOFF, failures, Math.random)).toBeLessThan(whole);
  },
);

test('a first delay of nothing stays nothing, however many failures there were', () => {
  const none = { firstMilliseconds: 0, maximumMilliseconds: 10_000 };
  expect(backoffDelay(none, 2_000, Math.random)).toBe(0);
});

test('a pause with jitter is never less than its half', () => {
  expect(jittered(1_000, () => 0)).toBe(500);
  expect(jittered(1_000, () => 0.5)).toBe(750);
});
