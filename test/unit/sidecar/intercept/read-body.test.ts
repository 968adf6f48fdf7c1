import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { MemoryBudget } from '../../../../sidecar/intercept/memory-budget.ts';
import { readBody } from '../../../../sidecar/intercept/read-body.ts';
import { eventually } from '../../../support/eventually.ts';

const LIMIT = 10;

/** A body that comes in these chunks, and then perhaps fails. */
function aBody(chunks: readonly string[], failure?: Error): Readable {
  async function* pieces() {
    for (const chunk of chunks) yield Buffer.from(chunk);
    if (failure !== undefined) throw failure;
  }
  return Readable.from(pieces(), { objectMode: false });
}

/** The stream of a body that is too large; fails if it is not. */
async function tooLarge(body: Readable): Promise<Readable> {
  const result = await readBody(body, LIMIT);
  if (result.kind !== 'tooLarge') throw new Error(`it is ${result.kind}`);
  return result.stream;
}

describe('a body', () => {
  it.each([
    ['without a chunk', []],
    ['with empty chunks', ['', '']],
  ])('%s is none', async (_, chunks) => {
    expect(await readBody(aBody(chunks), LIMIT)).toEqual({ kind: 'none' });
  });

  it.each([
    ['in one chunk', ['12345']],
    ['in several', ['1', '23', '', '45']],
    ['of exactly the limit', ['12345', '67890']],
  ])('%s is whole', async (_, chunks) => {
    expect(await readBody(aBody(chunks), LIMIT)).toEqual({
      kind: 'whole',
      bytes: Buffer.from(chunks.join('')),
    });
  });

  it('sent byte by byte takes no more memory than twice its size', async () => {
    const held: number[] = [];
    const tryTake = (bytes: number) => held.push(bytes) > 0;
    const hold = { tryTake, take: (bytes: number) => void held.push(bytes), release() {} };
    const text = 'abcdefghij'.repeat(100);
    const result = await readBody(aBody([...text]), text.length, hold);
    expect(result).toEqual({ kind: 'whole', bytes: Buffer.from(text) });
    const total = held.reduce((sum, bytes) => sum + bytes, 0);
    expect(total).toBeGreaterThanOrEqual(text.length);
    expect(total).toBeLessThan(2 * text.length);
    expect(held.length).toBeLessThan(12);
  });

  it('is refused when other calls have all the memory', async () => {
    const budget = new MemoryBudget(8);
    const [first, second] = [budget.hold(), budget.hold()];
    await readBody(aBody(['12345']), LIMIT, first);
    await expect(readBody(aBody(['12345']), LIMIT, second)).rejects.toMatchObject({
      code: 'TooManyRequests',
      retryable: true,
    });
    first.release();
    expect((await readBody(aBody(['12345']), LIMIT, second)).kind).toBe('whole');
  });

  it('that fails is no shorter body', async () => {
    await expect(readBody(aBody(['123'], new Error('aborted')), LIMIT)).rejects.toThrow('aborted');
  });
});

describe('a body over the limit', () => {
  it.each([
    ['by a byte, at its end', ['1234567890', '1']],
    ['in its first chunk', ['12345678901']],
    ['with much more to come', ['1234567890', '1', ...Array<string>(2000).fill('x'.repeat(1000))]],
  ])('%s comes from its first byte to its last', async (_, chunks) => {
    const stream = await tooLarge(aBody(chunks));
    expect((await buffer(stream)).equals(Buffer.from(chunks.join('')))).toBe(true);
  });

  it('is not read ahead while nobody takes it', async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given++;
        yield Buffer.alloc(64 * 1024);
      }
    }
    const stream = await tooLarge(Readable.from(endless(), { objectMode: false }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThan(10);
    stream.destroy();
  });

  it('that fails later fails for whoever reads it', async () => {
    const stream = await tooLarge(aBody(['12345678901', 'x'], new Error('aborted')));
    await expect(buffer(stream)).rejects.toThrow('aborted');
  });

  it('that fails before anybody reads it ends nothing, and is known to have failed', async () => {
    const unheard = vi.fn();
    process.on('uncaughtException', unheard);
    try {
      const stream = await tooLarge(aBody(['12345678901'], new Error('aborted')));
      await eventually(() => expect(stream.destroyed).toBe(true));
      // An error that nobody listens to is thrown in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve));
      expect(stream.errored).toMatchObject({ message: 'aborted' });
      expect(unheard).not.toHaveBeenCalled();
    } finally {
      process.off('uncaughtException', unheard);
    }
  });

  it('is let go of when nobody wants it any more', async () => {
    const body = aBody(['12345678901', ...Array<string>(1000).fill('x'.repeat(1000))]);
    const stream = await tooLarge(body);
    const closed = new Promise((resolve) => body.on('close', resolve));
    stream.destroy();
    await closed;
    expect(body.destroyed).toBe(true);
  });
});
