import { describe, expect, it } from 'vitest';
import { createRateLimiter } from '../../../../controller/exchange/rate-limit.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function aLimiter({ ratePerSecond = 10, burst = 3, capacity = 100 } = {}) {
  const clock = new FakeClock();
  const limiter = createRateLimiter({ clock, ratePerSecond, burst, capacity });
  /** How many of so many requests pass. */
  const passed = (key: string, requests: number): number => {
    let count = 0;
    for (let i = 0; i < requests; i++) {
      try {
        limiter.take(key);
        count++;
      } catch (error) {
        if (!(error instanceof ProblemError) || error.code !== 'TooManyRequests') throw error;
        expect(error.retryable).toBe(true);
      }
    }
    return count;
  };
  return { clock, passed };
}

describe('a pod', () => {
  it('may send a burst at first', () => {
    const { passed } = aLimiter();
    expect(passed('a', 10)).toBe(3);
  });

  it('may send again at the rate, however often it is refused meanwhile', async () => {
    const { clock, passed } = aLimiter();
    passed('a', 10);
    for (let tenth = 0; tenth < 5; tenth++) {
      await clock.advance(100);
      expect(passed('a', 5)).toBe(1);
    }
  });

  it('gathers parts of a request while it is refused', async () => {
    const { clock, passed } = aLimiter();
    passed('a', 3);
    await clock.advance(60);
    expect(passed('a', 1)).toBe(0);
    await clock.advance(40);
    expect(passed('a', 1)).toBe(1);
  });

  it('never has more than its burst, however long it was silent', async () => {
    const { clock, passed } = aLimiter();
    passed('a', 3);
    await clock.advance(60_000);
    expect(passed('a', 10)).toBe(3);
  });

  it('takes nothing from another', () => {
    const { passed } = aLimiter();
    passed('a', 10);
    expect(passed('b', 10)).toBe(3);
  });

  it('is not given more by a wall clock that jumps', () => {
    const { clock, passed } = aLimiter();
    passed('a', 3);
    clock.wallOffset += 3_600_000;
    expect(passed('a', 1)).toBe(0);
  });
});

it('beyond the capacity the pod that was silent longest is forgotten', () => {
  const { passed } = aLimiter({ capacity: 2 });
  passed('a', 3);
  passed('b', 3);
  passed('a', 1);
  passed('c', 3);
  expect(passed('a', 1)).toBe(0);
  expect(passed('b', 3)).toBe(3);
});
