import { expect, test } from 'vitest';
import { TokenBucket } from '../../../../core/kubernetes/token-bucket.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const LIMITS = { ratePerSecond: 10, burst: 2 };
const reserve = (bucket: TokenBucket, count: number) =>
  Array.from({ length: count }, () => Math.round(bucket.reserve()));

test('after the burst each reservation is for a later moment, at the rate', () => {
  expect(reserve(new TokenBucket(new FakeClock(), LIMITS), 5)).toEqual([0, 0, 100, 200, 300]);
});

test('tokens come back with time, up to the burst', async () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket(clock, LIMITS);
  reserve(bucket, 2);
  await clock.advance(100);
  expect(reserve(bucket, 2)).toEqual([0, 100]);
  await clock.advance(60_000);
  expect(reserve(bucket, 3)).toEqual([0, 0, 100]);
});
