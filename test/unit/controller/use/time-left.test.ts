import { describe, expect, it } from 'vitest';
import { MIN_STEP_MILLISECONDS } from '../../../../controller/use/next-step.ts';
import { timeLeft } from '../../../../controller/use/time-left.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const start = (waitMilliseconds = 1_000) => {
  const clock = new FakeClock();
  const caller = new AbortController();
  return { clock, caller, left: timeLeft(clock, waitMilliseconds, caller.signal) };
};

describe('the time that a sidecar waits', () => {
  it('runs from the moment its request came', async () => {
    const { clock, left } = start();
    await clock.advance(300);
    expect(left.milliseconds()).toBe(700);
    expect(left.forStep()).toBe(700);
  });

  it('is monotonic: the wall clock may jump', () => {
    const { clock, left } = start();
    clock.wallOffset += 3_600_000;
    expect(left.milliseconds()).toBe(1_000);
  });

  it('is enough for a step until so much is left', async () => {
    const { clock, left } = start();
    await clock.advance(1_000 - MIN_STEP_MILLISECONDS);
    expect(left.forStep()).toBe(MIN_STEP_MILLISECONDS);
    await clock.advance(1);
    expect(() => left.forStep()).toThrow('is over; nothing was consumed');
  });

  it('is over as soon as the sidecar has gone', () => {
    const { caller, left } = start();
    caller.abort();
    expect(left.milliseconds()).toBe(0);
    expect(() => left.forStep()).toThrow('is over; nothing was consumed');
  });
});
