import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { isKubernetesError } from '../../../../core/kubernetes/error.ts';
import { watchEvents } from '../../../../core/kubernetes/watch.ts';

const added = {
  type: 'ADDED',
  object: { metadata: { name: 'häuser', uid: 'u', resourceVersion: '2' } },
};
const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } };
const gone = {
  type: 'ERROR',
  object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' },
};

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The events, and how it ended. */
async function readAll(text: string, size = 64): Promise<unknown[]> {
  const seen: unknown[] = [];
  try {
    for await (const event of watchEvents(chunked(Buffer.from(text), size))) seen.push(event);
  } catch (error) {
    seen.push(isKubernetesError(error) ? error.kind : error);
  }
  return seen;
}

describe('a stream of watch events', () => {
  it.each([1, 2, 3, 7, 1000])('is read the same in chunks of %i bytes', async (size) => {
    const text = `${JSON.stringify(added)}\n${JSON.stringify(bookmark)}\r\n\n`;
    expect(await readAll(text, size)).toEqual([added, { type: 'BOOKMARK', resourceVersion: '9' }]);
  });

  it('ends with the error that the server tells', async () => {
    expect(await readAll(`${JSON.stringify(gone)}\n${JSON.stringify(added)}\n`)).toEqual(['Gone']);
  });

  it('forgets a line that was cut off', async () => {
    const text = `${JSON.stringify(added)}\n${JSON.stringify(added).slice(0, 30)}`;
    expect(await readAll(text)).toEqual([added]);
  });

  it.each([
    ['is not JSON', '{"type": "ADDED"'],
    ['is no object', '[]'],
    ['has no object', '{"type":"ADDED"}'],
    ['has an unknown type', JSON.stringify({ ...added, type: 'CHANGED' })],
    ['has no UID', '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"2"}}}'],
    ['has no version', '{"type":"BOOKMARK","object":{"metadata":{}}}'],
    ['has an error without a Status', '{"type":"ERROR","object":{}}'],
  ])('is refused when a line %s', async (_name, line) => {
    expect(await readAll(`${line}\n`)).toEqual(['Malformed']);
  });

  it('is refused when a line never ends', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) yield Buffer.alloc(1024 * 1024, 'x');
    }
    const first = watchEvents(endless()).next();
    await expect(first).rejects.toMatchObject({ kind: 'Malformed' });
  });
});
