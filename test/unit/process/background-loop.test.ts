import { expect, test } from 'vitest';
import { createBackgroundLoop } from '../../../process/background-loop.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A loop with a round every 1000 ms, each ended by hand. */
function loopAt(random: number) {
  const clock = new FakeClock();
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const loop = createBackgroundLoop({
    clock,
    random: () => random,
    round() {
      begun.push(clock.monotonic());
      return new Promise((resolve) => ends.push(() => resolve(1_000)));
    },
  });
  return { clock, loop, begun, end: () => ends.shift()?.() };
}

test.each([
  [0, 750],
  [0.5, 1_000],
  [0.999, 1_249.5],
])(
  'with %d by chance, a round follows the one before after %d ms',
  async (random, milliseconds) => {
    const { clock, loop, begun, end } = loopAt(random);
    const start = clock.monotonic();
    loop.start();
    await clock.advance(5_000);
    expect(begun).toEqual([start]);
    end();
    await clock.advance(5_000);
    expect(begun).toEqual([start, start + 5_000 + milliseconds]);
  },
);

test('may begin later', async () => {
  const { clock, loop, begun } = loopAt(0.5);
  loop.startIn(200);
  await clock.advance(199);
  expect(begun).toHaveLength(0);
  await clock.advance(1);
  expect(begun).toHaveLength(1);
});

test('between two rounds it stops at once', async () => {
  const { clock, loop, begun, end } = loopAt(0.5);
  loop.start();
  end();
  await clock.advance(0);
  await loop.stop();
  expect(clock.pending).toBe(0);
  await clock.advance(5_000);
  expect(begun).toHaveLength(1);
});

test('within a round it stops when that has ended, and no other begins', async () => {
  const { clock, loop, begun, end } = loopAt(0.5);
  loop.start();
  let stopped = false;
  const stop = loop.stop().then(() => {
    stopped = true;
  });
  await clock.advance(5_000);
  expect(stopped).toBe(false);
  end();
  await stop;
  await clock.advance(5_000);
  expect({ begun: begun.length, pending: clock.pending }).toEqual({ begun: 1, pending: 0 });
});

test('that never began stops at once', async () => {
  const { loop, begun } = loopAt(0.5);
  await loop.stop();
  expect(begun).toHaveLength(0);
});
