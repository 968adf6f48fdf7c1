import { describe, expect, test } from 'vitest';
import { backoffDelay, jitteredBackoffDelay } from '../../../../core/time/backoff.ts';

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

test.each(DELAYS)('after %d failures in a row the delay is %d ms', (failures, milliseconds) => {
  expect(backoffDelay(BACKOFF, failures)).toBe(milliseconds);
});

test('a first delay of nothing stays nothing, however many failures there were', () => {
  const none = { firstMilliseconds: 0, maximumMilliseconds: 10_000 };
  expect(backoffDelay(none, 2_000)).toBe(0);
});

describe('with jitter', () => {
  test.each(DELAYS)('after %d failures the delay is the upper half of %d ms', (failures, whole) => {
    expect(jitteredBackoffDelay(BACKOFF, failures, () => 0)).toBe(whole / 2);
    expect(jitteredBackoffDelay(BACKOFF, failures, () => 0.5)).toBe(0.75 * whole);
  });
});
