import { once } from 'node:events';
import { Duplex, PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import { arrivedBody, pump, throwIfFailed } from '../../../../sidecar/intercept/pump.ts';
import { text } from './clients.ts';

/** A sink that nobody reads takes this much, and then says that it is full. */
const FULL = 16 * 1024;

function started(source: Readable, sink: Duplex, length?: number) {
  let cuts = 0;
  const done = pump(
    source,
    sink,
    () => {
      cuts += 1;
      sink.destroy();
    },
    length,
  );
  return { done, cuts: () => cuts };
}

const failed = (promise: Promise<void>): Promise<unknown> =>
  promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  );

describe('a body that is moved', () => {
  it('arrives whole, and ends the sink', async () => {
    const sink = new PassThrough();
    const { done, cuts } = started(Readable.from([Buffer.from('a'), Buffer.from('b')]), sink);
    expect(await text(sink)).toBe('ab');
    await done;
    expect(cuts()).toBe(0);
  });

  it('waits for a sink that is full', async () => {
    const source = new PassThrough({ highWaterMark: 1024 * FULL });
    const sink = new PassThrough({ highWaterMark: FULL });
    const { done } = started(source, sink);
    for (let i = 0; i < 100; i += 1) source.write(Buffer.alloc(FULL));
    source.end();
    await once(sink, 'readable');
    expect(source.readableLength).toBeGreaterThan(50 * FULL);
    expect((await text(sink)).length).toBe(100 * FULL);
    await done;
  });

  it('that fails cuts the sink off, and its error is the reason', async () => {
    const source = new PassThrough();
    const sink = new PassThrough();
    const { done, cuts } = started(source, sink);
    const reason = new Error('upstream gone');
    source.destroy(reason);
    expect(await failed(done)).toBe(reason);
    expect(cuts()).toBeGreaterThan(0);
  });

  it('that closes before its end cuts the sink off', async () => {
    const source = new PassThrough();
    const sink = new PassThrough();
    const { done, cuts } = started(source, sink);
    source.destroy();
    expect(await failed(done)).toMatchObject({ message: 'the body closed before its end' });
    expect(cuts()).toBeGreaterThan(0);
  });

  it('that had failed before is not waited for', async () => {
    const reason = new Error('upstream gone');
    const source = new PassThrough();
    source.on('error', () => {}).destroy(reason);
    await new Promise((resolve) => source.once('close', resolve));
    expect(await failed(started(source, new PassThrough()).done)).toBe(reason);
  });

  it('is over with the last byte that its head promised, before its source ends', async () => {
    const source = new PassThrough();
    const sink = new PassThrough();
    const { done, cuts } = started(source, sink, 5);
    source.write('hello');
    expect(await text(sink)).toBe('hello');
    await done;
    expect(cuts()).toBe(0);
    expect(source.destroyed).toBe(true);
  });

  it('is over once all of it was written, if the sink closes before it could say so', async () => {
    const sink = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      // An HTTP/2 stream whose client leaves with the last byte never gets to this.
      final() {
        this.destroy();
      },
    });
    const { done, cuts } = started(Readable.from([Buffer.from('a')]), sink);
    await done;
    expect(cuts()).toBe(0);
  });

  it('is cut off if the sink closes before all of it was written', async () => {
    const sink = new Duplex({
      read() {},
      write() {
        setImmediate(() => this.destroy());
      },
    });
    const { done, cuts } = started(Readable.from([Buffer.from('a')]), sink);
    expect(await failed(done)).toMatchObject({ code: 'CallAborted' });
    expect(cuts()).toBe(1);
  });

  it('that is longer than its head says is cut off', async () => {
    const { done, cuts } = started(Readable.from([Buffer.from('hello')]), new PassThrough(), 4);
    expect(await failed(done)).toMatchObject({ message: 'the body is longer than its head says' });
    expect(cuts()).toBe(1);
  });

  it('is destroyed when the sink closes first', async () => {
    const source = new PassThrough();
    const sink = new PassThrough();
    const { done } = started(source, sink);
    sink.destroy();
    expect(await failed(done)).toMatchObject({ code: 'CallAborted' });
    expect(source.destroyed).toBe(true);
  });

  it('is destroyed when the sink had closed before, and when it was ended by somebody else', async () => {
    for (const act of ['destroy', 'end'] as const) {
      const source = new PassThrough();
      const sink = new PassThrough();
      sink.resume();
      if (act === 'destroy') sink.destroy();
      const { done } = started(source, sink);
      if (act === 'end') sink.end();
      expect(await failed(done)).toMatchObject({ code: 'CallAborted' });
      expect(source.destroyed).toBe(true);
    }
  });
});

describe('a body that has arrived already', () => {
  const length = (bytes: number): HeaderPair[] => [['content-length', String(bytes)]];

  async function arrived(bytes: string): Promise<PassThrough> {
    const body = new PassThrough();
    body.end(bytes);
    await new Promise((resolve) => setImmediate(resolve));
    return body;
  }

  it('is taken whole, and is then gone', async () => {
    const body = await arrived('hello');
    expect(String(arrivedBody(body, length(5)))).toBe('hello');
    expect(body.destroyed).toBe(true);
  });

  it('is empty if its length is 0', () => {
    expect(arrivedBody(new PassThrough(), length(0))).toEqual(Buffer.alloc(0));
  });

  it.each<[string, HeaderPair[]]>([
    ['only a part of it is here', length(6)],
    ['its length is not known', []],
  ])('is none where %s', async (_, headers) => {
    const body = await arrived('hello');
    expect(arrivedBody(body, headers)).toBeNull();
    expect(await text(body)).toBe('hello');
  });

  it('is none once it was destroyed', () => {
    expect(arrivedBody(new PassThrough().destroy(), length(0))).toBeNull();
  });
});

it('a body that failed throws what it failed with, and no other does', () => {
  const reason = new Error('cut');
  const body = new PassThrough();
  throwIfFailed(body);
  body.on('error', () => {}).destroy(reason);
  expect(() => throwIfFailed(body)).toThrow(reason);
  throwIfFailed(new PassThrough().destroy());
});
