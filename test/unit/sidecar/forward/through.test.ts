/** Interceptor and forwarder together: either protocol on either side, and nothing left open on the other when one ends. */

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { InterceptedCall } from '../../../../sidecar/intercept/call.ts';
import { eventually } from '../../../support/eventually.ts';
import { openH2, openTLS, RawClient, request, startProxy } from '../intercept/clients.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  type Handler,
  HOST,
  options,
  type Protocol,
  startUpstream,
  TOKEN,
} from './upstreams.ts';

const open: Array<{ close(): Promise<void> }> = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()));
});

async function start(protocol: Protocol, handler: Handler, make = credentialed) {
  const upstream = await startUpstream(protocol, handler);
  const forwarder = await forwarderTo(upstream.port);
  const proxy = await startProxy(
    async ({ head, body, bodyIsEmpty, respond, signal }: InterceptedCall) => {
      const response = await forwarder.forward(
        make({
          method: head.method,
          path: head.target,
          headers: [],
          body: bodyIsEmpty ? null : body,
        }),
        options({ signal }),
      );
      respond.writeHead(response.status, response.headers);
      await respond.pipe(response.body);
    },
  );
  open.push(upstream, forwarder, proxy);
  return { upstream, proxy };
}

const sides = (['h1', 'h2'] as const).flatMap((client) =>
  (['h1', 'h2'] as const).map((upstream) => [client, upstream] as const),
);

describe.each(sides)('from an %s client to an %s upstream', (client, protocol) => {
  const echo: Handler = (req, res) => {
    res.setHeader('x-request-id', req.url ?? '');
    req.pipe(res);
  };

  it.each([
    ['with a credential', credentialed],
    ['without', aRequest],
  ])('a call %s comes back whole', async (_name, make) => {
    const { proxy } = await start(protocol, echo, make);
    for (const size of [0, 1, 100_000, 2_000_000]) {
      const body = 'x'.repeat(size);
      const answer = await request(client, proxy, { method: 'POST', path: '/p?q', body });
      expect(answer.status).toBe(200);
      expect(answer.headers['x-request-id']).toBe('/p?q');
      expect(answer.body.length).toBe(size);
    }
  });

  it('a small answer of known length comes back whole', async () => {
    const { proxy } = await start(protocol, (_req, res) => {
      res.setHeader('content-length', '5');
      res.end('hello');
    });
    expect(await request(client, proxy)).toMatchObject({ status: 200, body: 'hello' });
    expect(await request(client, proxy, { method: 'HEAD' })).toMatchObject({ body: '' });
  });

  it('events arrive one by one', async () => {
    const events = new PassThrough();
    const { proxy } = await start(protocol, (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      events.pipe(res);
    });
    let next: (event: string) => Promise<void>;
    if (client === 'h1') {
      const raw = new RawClient(await openTLS(proxy));
      raw.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      next = async (event) => void (await raw.until(new RegExp(event)));
    } else {
      const stream = (await openH2(proxy)).request({ ':path': '/' });
      let received = '';
      stream.on('error', () => {});
      stream.on('data', (data) => {
        received += data;
      });
      next = (event) => eventually(() => expect(received).toContain(event));
    }
    for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      events.write(event);
      await next(event);
    }
  });

  it('a client that goes away ends the exchange upstream', async () => {
    const { upstream, proxy } = await start(protocol, (_req, res) => {
      res.writeHead(200);
      res.write('...');
    });
    if (client === 'h1') {
      const socket = await openTLS(proxy);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      await once(socket, 'data');
      expect(upstream.open).toBe(1);
      socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      await once(stream, 'data');
      expect(upstream.open).toBe(1);
      session.destroy();
    }
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('an answer with the token in it is cut off there', async () => {
    const { proxy } = await start(protocol, (_req, res) => {
      res.writeHead(200);
      res.write('before ');
      setTimeout(() => res.end(`${TOKEN} after`), 50);
    });
    let received = '';
    if (client === 'h1') {
      const raw = new RawClient(await openTLS(proxy));
      raw.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      received = await raw.untilClosed();
      expect(received).not.toContain('\r\n0\r\n\r\n');
    } else {
      const stream = (await openH2(proxy)).request({ ':path': '/' });
      stream.on('data', (data) => {
        received += data;
      });
      await expect(once(stream, 'end')).rejects.toThrow();
    }
    expect(received).toMatch(/before /);
    expect(received).not.toContain(TOKEN.slice(0, 8));
    expect(received).not.toContain('after');
  });

  it('an answer that has the token in it from the start is refused in words, or cut off', async () => {
    const { proxy } = await start(protocol, (_req, res) => {
      res.setHeader('content-length', TOKEN.length);
      res.end(TOKEN);
    });
    const answer = await request(client, proxy).catch(() => null);
    // Unless head and body came apart (as with HTTP/2 they do): then the answer is cut off.
    expect([502, undefined]).toContain(answer?.status);
    expect(answer?.body ?? '').not.toContain(TOKEN);
  });
});
