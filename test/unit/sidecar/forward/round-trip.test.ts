import { once } from 'node:events';
import type { Http2ServerResponse } from 'node:http2';
import { constants } from 'node:http2';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { failsUndispatched, startsUpstreams } from './forwarders.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  HOST,
  options,
  read,
  readUntilError,
  rejection,
  startRawUpstream,
} from './upstreams.ts';

const { closing, start, startRaw } = startsUpstreams();

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
  it('sends method, path, headers and body as given, and the Host of the URL', async () => {
    const seen: unknown[] = [];
    const { forwarder } = await start(protocol, (req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        const host = req.headers[':authority'] ?? req.headers.host;
        seen.push(req.method, req.url, host, req.headers['x-case'], body);
        res.end('ok');
      });
    });
    const response = await forwarder.forward(
      aRequest({
        method: 'POST',
        path: '/a%2Cb;c=d/?q=%20&r',
        headers: [['x-case', 'Kept']],
        body: Buffer.from('{"a":1}'),
      }),
      options(),
    );
    expect(await read(response.body)).toBe('ok');
    expect(seen).toEqual(['POST', '/a%2Cb;c=d/?q=%20&r', HOST, 'Kept', '{"a":1}']);
  });

  it('passes a body on as it arrives, an event stream event by event', async () => {
    const events = new PassThrough();
    const { forwarder } = await start(protocol, (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      events.pipe(res);
    });
    const { body } = await forwarder.forward(credentialed(), options());
    for (const event of ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']) {
      // The next event is written only when the one before has arrived.
      events.write(event);
      const [chunk] = (await once(body, 'data')) as [Buffer];
      body.pause();
      expect(chunk.toString()).toBe(event);
      body.resume();
    }
    body.destroy();
  });

  it('streams a large upload and a large answer at once, and slows down for a slow reader', async () => {
    const { forwarder } = await start(protocol, (req, res) => {
      req.pipe(res);
    });
    // More than the kernel's socket buffers take up along the way.
    const size = 32 * 1024 * 1024;
    let produced = 0;
    const upload = new Readable({
      read() {
        if (produced >= size) this.push(null);
        else this.push(Buffer.alloc(64 * 1024, 'x'));
        produced += 64 * 1024;
      },
    });
    const { body } = await forwarder.forward(
      credentialed({
        method: 'POST',
        body: upload,
        headers: [['content-length', String(size)]],
      }),
      options({ deadline: systemClock.monotonic() + 60_000 }),
    );
    await sleep(200);
    expect(produced).toBeLessThan(size);
    expect((await read(body)).length).toBe(size);
  }, 60_000);

  it('ends the round trip when the caller goes away', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
      res.writeHead(200);
      res.write('...');
    });
    const gone = new AbortController();
    const { body } = await forwarder.forward(credentialed(), options({ signal: gone.signal }));
    gone.abort();
    const { error } = await readUntilError(body);
    expect(error).toMatchObject({ code: 'CallAborted', dispatched: true });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('ends the round trip when its response is not wanted any more', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
      res.writeHead(200);
      res.write('...');
    });
    const { body } = await forwarder.forward(credentialed(), options());
    body.destroy();
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('drops informational responses', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      res.end('final');
    });
    const response = await forwarder.forward(credentialed(), options());
    expect(response.status).toBe(200);
    expect(await read(response.body)).toBe('final');
  });

  it('says that the request was dispatched when the answer never comes', async () => {
    const order: string[] = [];
    const { forwarder } = await start(protocol, (req) => {
      order.push('received');
      req.socket.destroy();
    });
    const error = await rejection(
      forwarder.forward(
        credentialed(),
        options({ onDispatched: () => void order.push('dispatched') }),
      ),
    );
    expect(error).toMatchObject({ code: 'UpstreamProtocolError', dispatched: true });
    expect(order).toEqual(['dispatched', 'received']);
  });
});

describe('an HTTP/1.1 upstream with ways of its own', () => {
  it('is refused transfer codings other than chunked', async () => {
    const { forwarder } = await startRaw(
      () => 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    );
    expect(await rejection(forwarder.forward(aRequest(), options()))).toMatchObject({
      code: 'UpstreamProtocolError',
      dispatched: true,
    });
  });

  it('is refused a switch of protocols', async () => {
    const { forwarder } = await startRaw(
      () => 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    );
    expect(await rejection(forwarder.forward(credentialed(), options()))).toMatchObject({
      dispatched: true,
    });
  });

  it('cannot pass a cut-off body for a whole one', async () => {
    const upstream = closing(
      await startRawUpstream((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
          setTimeout(() => socket.destroy(), 50);
        });
      }),
    );
    const forwarder = closing(await forwarderTo(upstream.port));
    const { body } = await forwarder.forward(aRequest(), options());
    const { text, error } = await readUntilError(body);
    expect(text).toBe('half');
    expect(error).toMatchObject({ code: 'UpstreamProtocolError', dispatched: true });
  });

  it('is asked once only, even if it closes the connection without an answer', async () => {
    let requests = 0;
    const upstream = closing(
      await startRawUpstream((socket) => {
        socket.once('data', () => {
          requests += 1;
          socket.end();
        });
      }),
    );
    const forwarder = closing(await forwarderTo(upstream.port));
    for (const request of [aRequest(), credentialed()]) {
      expect(await rejection(forwarder.forward(request, options()))).toMatchObject({
        dispatched: true,
      });
    }
    await sleep(50);
    expect(requests).toBe(2);
  });
});

it('is asked once only by HTTP/2, even if it claims not to have processed the request', async () => {
  let requests = 0;
  const { forwarder } = await start('h2', (_req, res) => {
    requests += 1;
    (res as unknown as Http2ServerResponse).stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  for (const request of [aRequest(), credentialed()]) {
    expect(await rejection(forwarder.forward(request, options()))).toMatchObject({
      dispatched: true,
    });
  }
  expect(requests).toBe(2);
});

describe('before the first byte of a request', () => {
  it('a header that HTTP does not allow fails', async () => {
    const { forwarder } = await start('h1', (_req, res) => void res.end());
    const request = credentialed({ headers: [['x-a', 'b\r\nx-c: d']] });
    await failsUndispatched(forwarder, 'RequestMalformed', {}, request);
  });
});
