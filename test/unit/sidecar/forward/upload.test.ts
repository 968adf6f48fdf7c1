import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { startsUpstreams } from './forwarders.ts';
import { aRequest, credentialed, options, read, rejection } from './upstreams.ts';

const { start } = startsUpstreams();

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
    const { forwarder } = await start(protocol, (req) => void req.on('error', () => {}));
    const upload = new PassThrough();
    upload.write('half');
    const outcome = rejection(
      forwarder.forward(credentialed({ method: 'POST', body: upload }), options()),
    );
    setTimeout(() => upload.destroy(new Error('client gone')), 50);
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
