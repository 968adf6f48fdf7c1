import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Cutoff } from '../../../../sidecar/forward/cutoff.ts';
import { Upload } from '../../../../sidecar/forward/upload.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { startsUpstreams } from './forwarders.ts';
import { aRequest, credentialed, options, read, rejection } from './upstreams.ts';

const { start } = startsUpstreams();

describe('an upload', () => {
  function anUpload(source = new PassThrough()) {
    const clock = new FakeClock();
    const cutoff = new Cutoff(clock, clock.monotonic() + 500, new AbortController().signal);
    const failures: Error[] = [];
    source.on('error', () => {});
    const upload = new Upload(source, cutoff, (error) => failures.push(error));
    return { source, clock, upload, failures };
  }

  it('passes its source on, chunk by chunk', async () => {
    const { source, upload, failures } = anUpload();
    source.write('a');
    source.end('b');
    expect(await read(upload)).toBe('ab');
    expect(failures).toEqual([]);
  });

  it('passes nothing past the deadline, whether or not a timer has fired, and leaves its source alone', async () => {
    const { source, clock, upload, failures } = anUpload();
    source.write('in time');
    expect(String((await once(upload, 'data'))[0])).toBe('in time');
    await clock.advance(500);
    source.write('late');
    await new Promise((resolve) => upload.once('close', resolve));
    expect(upload.read()).toBeNull();
    expect(failures).toMatchObject([{ code: 'DeadlineExceeded', dispatched: true }]);
    expect(source.destroyed).toBe(false);
  });

  it('passes nothing after a sleep of the machine that took it past the deadline', async () => {
    const { source, clock, upload, failures } = anUpload();
    source.write('in time');
    expect(String((await once(upload, 'data'))[0])).toBe('in time');
    clock.wallOffset += 500;
    source.write('late');
    await new Promise((resolve) => upload.once('close', resolve));
    expect(upload.read()).toBeNull();
    expect(failures).toMatchObject([{ code: 'DeadlineExceeded', dispatched: true }]);
  });

  it.each<[string, (source: PassThrough) => void, string]>([
    ['fails', (source) => void source.destroy(new Error('client gone')), 'client gone'],
    ['closes early', (source) => void source.destroy(), 'the request body ended early'],
  ])('fails when its source %s', async (_, act, message) => {
    const { source, upload, failures } = anUpload();
    act(source);
    await new Promise((resolve) => upload.once('close', resolve));
    expect(failures[0]).toMatchObject({ message });
  });

  it('fails where nothing is left of its source', async () => {
    const { failures, upload } = anUpload(new PassThrough().destroy());
    await new Promise((resolve) => upload.once('close', resolve));
    expect(failures).toMatchObject([{ message: 'no request body is left' }]);
  });
});

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it.each<[what: string, credential: boolean, body: () => PassThrough | Buffer]>([
    ['a body that is there, without a credential', false, () => Buffer.alloc(MEBIBYTE)],
    ['a stream, without a credential', false, () => flowing(3 * MEBIBYTE)],
    ['a stream, with a credential', true, () => flowing(3 * MEBIBYTE)],
  ])(
    'goes on after an upload that is given up while the host does not read it: %s',
    async (_, credential, body) => {
      const { upstream, forwarder } = await start(protocol, (req, res) => {
        req.on('error', () => {});
        if (req.method === 'GET') res.end('ok');
        else asked.resolve(req);
      });
      const asked = Promise.withResolvers<IncomingMessage>();
      const make = credential ? credentialed : aRequest;
      const gone = new AbortController();
      const upload = body();
      const outcome = rejection(
        forwarder.forward(make({ method: 'POST', body: upload }), options({ signal: gone.signal })),
      );
      const unread = await asked.promise;
      await sleep(20);
      // The agent resets its own side; with a stream that is heard first.
      if (upload instanceof PassThrough) upload.destroy(new Error('client gone'));
      gone.abort();
      expect(await outcome).toMatchObject({ name: 'ForwardError', dispatched: true });
      // Who does not read does not hear of the end either.
      unread.resume();
      await eventually(() => expect(upstream.open).toBe(0));
      const next = await forwarder.forward(make(), options());
      expect(await read(next.body)).toBe('ok');
    },
  );

  it('takes the reason of a request body that fails', async () => {
    const asked = Promise.withResolvers<void>();
    const { forwarder } = await start(protocol, (req) => {
      req.on('error', () => {});
      asked.resolve();
    });
    const upload = new PassThrough();
    upload.write('half');
    const outcome = rejection(
      forwarder.forward(credentialed({ method: 'POST', body: upload }), options()),
    );
    await asked.promise;
    upload.destroy(new Error('client gone'));
    expect(await outcome).toMatchObject({ name: 'ForwardError', dispatched: true });
  });
});

const MEBIBYTE = 1024 * 1024;

/** A body of so many bytes that has more to come. */
function flowing(bytes: number): PassThrough {
  const stream = new PassThrough();
  stream.on('error', () => {});
  stream.write(Buffer.alloc(bytes, 'x'));
  return stream;
}
