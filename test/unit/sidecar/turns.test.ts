import { setImmediate, setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turns } from '../../../sidecar/turns.ts';

/** A clock that moves when something is computed, and a computation of so many ms. */
function computing() {
  let now = 0;
  const done: string[] = [];
  return {
    done,
    turns: new Turns({ monotonic: () => now }),
    take: (name: string, milliseconds: number) => () => {
      now += milliseconds;
      done.push(name);
      return name;
    },
  };
}

it('short computations are done at once', async () => {
  const { turns, take, done } = computing();
  const results = Promise.all(['a', 'b', 'c'].map((name) => turns.run(take(name, 1))));
  expect(done).toEqual(['a', 'b', 'c']);
  expect(await results).toEqual(['a', 'b', 'c']);
});

it('long ones are done one in a turn, in their order, and what else waits goes on in between', async () => {
  const { turns, take, done } = computing();
  const all = ['a', 'b', 'c'].map((name) => turns.run(take(name, 100)));
  expect(done).toEqual(['a']);
  const seen: string[] = [];
  const other = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1) {
      await setImmediate();
      seen.push(done.join(''));
    }
  };
  await Promise.all([...all, other()]);
  expect(seen).toEqual(['ab', 'abc', 'abc']);
});

it('timers run between two of them', async () => {
  const { turns, take, done } = computing();
  const timer = setTimeout(1).then(() => done.push('timer'));
  const all = Array.from({ length: 2_000 }, () => turns.run(take('x', 100)));
  await Promise.all([...all, timer]);
  expect(done.indexOf('timer')).toBeLessThan(2_000);
});

it('the next turn begins anew, with nothing kept of the last one', async () => {
  const { turns, take, done } = computing();
  await turns.run(take('a', 100));
  await setImmediate();
  await setImmediate();
  void turns.run(take('b', 100));
  expect(done).toEqual(['a', 'b']);
});

it('what a computation throws is thrown to who asked for it, and the others go on', async () => {
  const { turns, take } = computing();
  const failing = turns.run(() => {
    take('a', 100)();
    throw new Error('wrong');
  });
  const next = turns.run(() => {
    throw new Error('wrong again');
  });
  const last = turns.run(take('c', 1));
  await expect(failing).rejects.toThrow('wrong');
  await expect(next).rejects.toThrow('wrong again');
  expect(await last).toBe('c');
});
