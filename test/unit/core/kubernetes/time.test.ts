import { expect, test } from 'vitest';
import { compareTimes, microTime } from '../../../../core/kubernetes/time.ts';

test.each([
  [0, '1970-01-01T00:00:00.000000Z'],
  [Date.UTC(2026, 0, 1, 12, 0, 0, 7), '2026-01-01T12:00:00.007000Z'],
])('%d ms are the MicroTime %s', (milliseconds, text) => {
  expect(microTime(milliseconds)).toBe(text);
});

test.each([
  ['2026-01-01T12:00:00Z', '2026-01-01T12:00:01Z', -1],
  ['2026-01-01T12:00:00Z', '2026-01-01T12:00:00Z', 0],
  ['2026-02-01T00:00:00Z', '2026-01-31T23:59:59Z', 1],
  // A time that is not there yet.
  ['', '2026-01-01T12:00:00Z', -1],
])('%s and %s are ordered by %d', (a, b, order) => {
  expect(compareTimes(a, b)).toBe(order);
});
