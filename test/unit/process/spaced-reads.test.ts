import { describe, expect, it } from 'vitest';
import { createSpacedReads } from '../../../process/spaced-reads.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Reads that end when they are told to, and what was begun. */
function scripted(atOnce = 2) {
  const clock = new FakeClock();
  const begun: { subject: string; at: number; end: (result: string | Error) => void }[] = [];
  const reads = createSpacedReads<string, string>({
    clock,
    atOnce,
    read: (subject) =>
      new Promise((resolve, reject) => {
        const end = (result: string | Error): void =>
          result instanceof Error ? reject(result) : resolve(result);
        begun.push({ subject, at: clock.monotonic(), end });
      }),
  });
  return { clock, begun, read: (subject: string) => reads.read(subject, subject) };
}

describe('reads of one subject', () => {
  it('are one for all who ask before it begins, and another for whoever asks later', async () => {
    const { clock, begun, read } = scripted();
    const together = [read('a'), read('a'), read('a')];
    await clock.advance(0);
    expect(begun).toHaveLength(1);
    const later = read('a');
    begun[0]?.end('first');
    expect(await Promise.all(together)).toEqual(['first', 'first', 'first']);
    await clock.advance(1_000);
    expect(begun).toHaveLength(2);
    begun[1]?.end('second');
    expect(await later).toBe('second');
  });

  it.each([
    [0, 100],
    [50, 250],
    [100, 500],
    [5_000, 6_000],
  ])('begin after a rest: one of %i ms is followed by the next after %i', async (took, next) => {
    const { clock, begun, read } = scripted();
    const first = read('a');
    await clock.advance(took);
    begun[0]?.end('');
    await first;
    void read('a');
    await clock.advance(20_000);
    expect(begun.map(({ at }) => at - (begun[0]?.at ?? 0))).toEqual([0, next]);
  });

  it('fail for all who waited for one that failed, and for nobody else', async () => {
    const { clock, begun, read } = scripted();
    const failing = Promise.allSettled([read('a'), read('a')]);
    await clock.advance(0);
    begun[0]?.end(new Error('away'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = read('a');
    await clock.advance(1_000);
    begun[1]?.end('back');
    expect(await next).toBe('back');
  });
});

describe('reads of many subjects', () => {
  it('are as many at a time as they may be, and a failed one makes room', async () => {
    const { clock, begun, read } = scripted(2);
    const all = Promise.allSettled(['a', 'b', 'c', 'd'].map(read));
    await clock.advance(0);
    expect(begun.map(({ subject }) => subject)).toEqual(['a', 'b']);
    begun[0]?.end(new Error('away'));
    await clock.advance(0);
    expect(begun.map(({ subject }) => subject)).toEqual(['a', 'b', 'c']);
    begun[1]?.end('');
    await clock.advance(0);
    for (const { end } of begun.slice(2)) end('');
    expect(await all).toHaveLength(4);
  });

  it('of which too many were asked for keep their places while somebody waits for them', async () => {
    const { clock, begun, read } = scripted(1);
    const waited = read('held');
    await clock.advance(0);
    const second = read('held');
    for (let n = 0; n < 10_001; n += 1) void read(`other ${n}`);
    expect(read('held')).toBe(second);
    begun[0]?.end('');
    await waited;
  });
});
