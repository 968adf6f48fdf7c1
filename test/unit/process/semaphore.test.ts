import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Semaphore } from '../../../process/semaphore.ts';

/** Acquires a permit, and notes in `served` when it has come. */
const acquire = (semaphore: Semaphore, served: string[], name: string, ...signals: AbortSignal[]) =>
  semaphore.acquire(...signals).then((release) => {
    served.push(name);
    return release;
  });

test('a semaphore gives no more permits than it has', async () => {
  const semaphore = new Semaphore(2);
  const served: string[] = [];
  for (const name of ['first', 'second', 'third']) void acquire(semaphore, served, name);
  await setImmediate();
  expect(served).toEqual(['first', 'second']);
});

test('a permit that is given back goes to the one who waits longest', async () => {
  const semaphore = new Semaphore(1);
  const served: string[] = [];
  const release = await acquire(semaphore, served, 'first');
  const second = acquire(semaphore, served, 'second');
  void acquire(semaphore, served, 'third');
  release();
  (await second)();
  await setImmediate();
  expect(served).toEqual(['first', 'second', 'third']);
});

test('a permit that nobody waits for is free again', async () => {
  const semaphore = new Semaphore(1);
  const served: string[] = [];
  (await acquire(semaphore, served, 'first'))();
  await acquire(semaphore, served, 'second');
  expect(served).toEqual(['first', 'second']);
});

test('any of the signals ends the waiting, with its reason', async () => {
  const semaphore = new Semaphore(1);
  await semaphore.acquire();
  const gone = new AbortController();
  const waiting = semaphore.acquire(new AbortController().signal, gone.signal);
  gone.abort(new Error('the caller went away'));
  await expect(waiting).rejects.toThrow('the caller went away');
});

test('whoever gave up is not served: the permit goes to the next one', async () => {
  const semaphore = new Semaphore(1);
  const served: string[] = [];
  const release = await semaphore.acquire();
  const gone = new AbortController();
  const impatient = acquire(semaphore, served, 'impatient', gone.signal);
  const next = acquire(semaphore, served, 'next');
  gone.abort();
  await expect(impatient).rejects.toThrow();
  release();
  await next;
  expect(served).toEqual(['next']);
});

test('a signal that fired before takes no permit', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.acquire(AbortSignal.abort(new Error('too late')))).rejects.toThrow(
    'too late',
  );
  await semaphore.acquire();
});

test('a signal that fires once the permit is given changes nothing', async () => {
  const semaphore = new Semaphore(1);
  const served: string[] = [];
  const release = await semaphore.acquire();
  const gone = new AbortController();
  const second = acquire(semaphore, served, 'second', gone.signal);
  release();
  await second;
  gone.abort();
  void acquire(semaphore, served, 'third');
  await setImmediate();
  expect(served).toEqual(['second']);
});
