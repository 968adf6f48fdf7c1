import { beforeEach, describe, expect, it } from 'vitest';
import {
  createWorkQueue,
  type WorkQueue,
  type WorkQueueOptions,
} from '../../../../core/kubernetes/workqueue.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

const queueOf = (options: Partial<WorkQueueOptions> = {}) =>
  createWorkQueue({ clock, random: () => 1, ...options });

/** Takes a key and reports it done, as often as there is one. */
async function drain(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length > 0) {
    const key = await queue.get();
    if (key === undefined) break;
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

describe('add', () => {
  it('keeps the order and merges what waits', async () => {
    const queue = queueOf();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(await drain(queue)).toEqual(['a', 'b', 'c']);
  });

  it('wakes those who wait, one key each', async () => {
    const queue = queueOf();
    const both = Promise.all([queue.get(), queue.get()]);
    queue.add('a');
    queue.add('b');
    expect(await both).toEqual(['a', 'b']);
  });

  it('of a key in work hands it out once more, after it is done', async () => {
    const queue = queueOf();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(await drain(queue)).toEqual(['a']);
  });

  it('never has a key in work twice, whatever the workers do', async () => {
    const queue = queueOf();
    const inWork = new Set<string>();
    const seen = new Map<string, number>();
    async function work(): Promise<void> {
      for (;;) {
        const key = await queue.get();
        if (key === undefined) return;
        expect(inWork.has(key)).toBe(false);
        inWork.add(key);
        seen.set(key, (seen.get(key) ?? 0) + 1);
        for (let turn = seen.size % 3; turn >= 0; turn--) await Promise.resolve();
        inWork.delete(key);
        queue.done(key);
      }
    }
    const workers = Array.from({ length: 4 }, work);
    for (let round = 0; round < 200; round++) {
      queue.add(`key-${(round * 7) % 5}`);
      if (round % 3 === 0) await Promise.resolve();
    }
    await queue.shutDown();
    await Promise.all(workers);
    expect([...seen.keys()].sort()).toEqual(['key-0', 'key-1', 'key-2', 'key-3', 'key-4']);
  });
});

describe('addAfter', () => {
  it('adds when the time has come, and of several times the earliest', async () => {
    const queue = queueOf();
    queue.addAfter('late', 500);
    queue.addAfter('a', 300);
    queue.addAfter('a', 100);
    queue.addAfter('a', 200);
    await clock.advance(99);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await drain(queue)).toEqual(['a']);
    await clock.advance(300);
    expect(queue.length).toBe(0);
    await clock.advance(100);
    expect(await drain(queue)).toEqual(['late']);
    expect(clock.pending).toBe(0);
  });

  it.each([0, -5, Number.NaN])('adds at once after %d ms', async (milliseconds) => {
    const queue = queueOf();
    queue.addAfter('a', milliseconds);
    expect(await drain(queue)).toEqual(['a']);
  });

  it('asks no timer for more than it can do', async () => {
    const queue = queueOf();
    queue.addAfter('a', 30 * 24 * 3600 * 1000);
    await clock.advance(2 ** 31 - 2);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
  });
});

describe('addRateLimited', () => {
  it('doubles the delay of a key until it is forgotten', async () => {
    const queue = queueOf({ baseDelayMilliseconds: 100, maxDelayMilliseconds: 350 });
    for (const delay of [100, 200, 350, 350]) {
      queue.addRateLimited('a');
      await clock.advance(delay - 1);
      expect(queue.length).toBe(0);
      await clock.advance(1);
      expect(await drain(queue)).toEqual(['a']);
    }
    expect(queue.retries('a')).toBe(4);
    queue.forget('a');
    queue.addRateLimited('a');
    await clock.advance(100);
    expect(await drain(queue)).toEqual(['a']);
  });

  it('holds all keys together to a rate after a burst', async () => {
    const queue = queueOf({ baseDelayMilliseconds: 1, ratePerSecond: 10, burst: 3 });
    for (let key = 0; key < 6; key++) queue.addRateLimited(String(key));
    await clock.advance(1);
    expect(await drain(queue)).toEqual(['0', '1', '2']);
    await clock.advance(200);
    expect(await drain(queue)).toEqual(['3', '4']);
    await clock.advance(100);
    expect(await drain(queue)).toEqual(['5']);
  });
});

describe('get', () => {
  it('rejects when its signal fires, and takes no key with it', async () => {
    const queue = queueOf();
    const caller = new AbortController();
    const taken = queue.get(caller.signal);
    caller.abort();
    await expect(taken).rejects.toThrow('aborted');
    await expect(queue.get(caller.signal)).rejects.toThrow('aborted');
    queue.add('a');
    expect(await queue.get()).toBe('a');
  });
});

describe('shutDown', () => {
  it('hands out what is ready, drops what comes later, and waits for what is in work', async () => {
    const queue = queueOf();
    queue.add('a');
    queue.add('b');
    queue.addAfter('later', 10);
    await queue.get();
    let down = false;
    const end = queue.shutDown().then(() => {
      down = true;
    });
    queue.add('c');
    await clock.advance(20);
    expect(await queue.get()).toBe('b');
    expect(await queue.get()).toBeUndefined();
    queue.done('b');
    await clock.advance(1);
    expect(down).toBe(false);
    queue.done('a');
    await end;
    expect(clock.pending).toBe(0);
  });

  it('hands out a key that was added again while in work', async () => {
    const queue = queueOf();
    queue.add('a');
    await queue.get();
    queue.add('a');
    const end = queue.shutDown();
    const next = queue.get();
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    await end;
    expect(await queue.get()).toBeUndefined();
  });

  it('ends those who wait', async () => {
    const queue = queueOf();
    const waiting = queue.get();
    await queue.shutDown();
    expect(await waiting).toBeUndefined();
  });
});
