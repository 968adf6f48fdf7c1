import { once } from 'node:events';
import { connect as connectHTTP2 } from 'node:http2';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTLS, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import type { ResponseWriter } from '../../../../sidecar/intercept/call.ts';
import { ClientCall } from '../../../../sidecar/intercept/client-call.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  HOST,
  openH2,
  openTLS,
  openTunnel,
  RawClient,
  readBody,
  requestH2,
  type TestProxy,
  text,
} from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe('a call whose client is waited for', () => {
  /** A call with a body of which so much has come, or without one. */
  function aCall(body: { arrived: string; complete: boolean } | null, finished = false) {
    const stream = new PassThrough();
    if (body !== null && body.arrived !== '') stream.write(body.arrived);
    if (body?.complete === true) stream.end();
    const respond = { finished } as unknown as ResponseWriter;
    const call = new ClientCall({} as RequestHead, respond, {
      stream,
      bodyIsEmpty: body === null,
      hasTrailers: () => false,
      isCut: () => false,
      onFirstRead() {},
    });
    return { call, stream };
  }

  it.each([
    ['has not sent the rest of its body', { arrived: '', complete: false }, false, true],
    ['has sent what nobody has read yet', { arrived: 'x', complete: false }, false, false],
    ['has sent no body', null, false, false],
    ['has not taken its answer, though it sent no body', null, true, true],
    [
      'has not taken its answer, though it sent its body',
      { arrived: 'x', complete: true },
      true,
      true,
    ],
  ])('is one that %s', (_, body, finished, waits) => {
    expect(aCall(body, finished).call.waitsForClient()).toBe(waits);
  });

  it('is not one whose body was read to its end', async () => {
    const { call, stream } = aCall({ arrived: 'x', complete: true });
    stream.resume();
    await once(stream, 'end');
    expect(call.waitsForClient()).toBe(false);
  });

  it('has a signal that tells of a client that went away before anybody asked for it', () => {
    const { call } = aCall(null);
    call.markGone();
    expect(call.signal.aborted).toBe(true);
    expect(aCall(null).call.signal.aborted).toBe(false);
  });
});

describe.each(['h1', 'h2'] as const)('a call by %s in a tunnel', (protocol) => {
  it('that has gone aborts its signal and fails its answer', async () => {
    const seen = Promise.withResolvers<unknown>();
    const proxy = await start(async ({ respond, signal }) => {
      const body = new PassThrough();
      respond.writeHead(200, []);
      body.write('...');
      const failure = await respond.pipe(body).catch((error: unknown) => error);
      seen.resolve([signal.aborted, failure, body.destroyed]);
    });
    if (protocol === 'h1') {
      const socket = await openTLS(proxy);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      await once(socket, 'data');
      socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      await once(stream, 'data');
      stream.close(8);
    }
    expect(await seen.promise).toMatchObject([true, { code: 'CallAborted' }, true]);
  });

  it('that goes away before its body is asked for leaves an error to find there', async () => {
    const seen = Promise.withResolvers<unknown>();
    for (const asked of ['before', 'after']) {
      const proxy = await start(async (call) => {
        if (asked === 'before') void call.body;
        await once(call.signal, 'abort');
        await sleep(20);
        seen.resolve(await readBody(call).catch((error: unknown) => error));
      });
      if (protocol === 'h1') {
        const socket = await openTLS(proxy);
        socket.write(`POST / HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 9\r\n\r\nhalf`);
        setTimeout(() => socket.destroy(), 50);
      } else {
        const session = await openH2(proxy);
        const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
        stream.on('error', () => {}).write('half');
        setTimeout(() => session.destroy(), 50);
      }
      expect(await seen.promise).toMatchObject({ code: 'CallAborted' });
    }
  });

  it('may be answered before its body has come', async () => {
    const proxy = await start(() => {
      throw new ProblemError('GrantRequired', 'no');
    });
    if (protocol === 'h1') {
      const client = new RawClient(await openTLS(proxy));
      client.write(`POST / HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 1000000\r\n\r\nhello`);
      await client.until(/GrantRequired/);
      client.socket.end();
      await client.untilClosed();
    } else {
      const session = await openH2(proxy);
      const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
      stream.on('error', () => {});
      stream.write('hello');
      expect(await text(stream)).toContain('GrantRequired');
      // The session goes on.
      expect((await requestH2(session, {})).status).toBe(403);
      session.destroy();
    }
  });
});

/** Each sends half a request's body, and returns the socket below. */
const OPENERS = {
  async plain(proxy: TestProxy): Promise<Socket> {
    const { socket } = await RawClient.connect(proxy.port);
    socket.write(HALF.replace('/', `http://${HOST}/`));
    return socket;
  },
  async h1(proxy: TestProxy): Promise<Socket> {
    const raw = await openTunnel(proxy.port);
    const tls = await secured(proxy, raw, 'http/1.1');
    tls.write(HALF);
    return raw;
  },
  async h2(proxy: TestProxy): Promise<Socket> {
    const raw = await openTunnel(proxy.port);
    const tls = await secured(proxy, raw, 'h2');
    const session = connectHTTP2(`https://${HOST}`, { createConnection: () => tls });
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('half');
    return raw;
  },
};
const HALF = `POST / HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 10\r\n\r\nhalf`;

async function secured(proxy: TestProxy, raw: Socket, protocol: string): Promise<TLSSocket> {
  const ca = proxy.authority.certificate;
  const tls = connectTLS({ socket: raw, servername: HOST, ca, ALPNProtocols: [protocol] });
  tls.on('error', () => {});
  await once(tls, 'secureConnect');
  return tls;
}

describe.each(['plain', 'h1', 'h2'] as const)('a client of %s that goes within its body', (by) => {
  it.each(['reset', 'end'] as const)('ends its call, which answers nobody (%s)', async (how) => {
    let begun = false;
    let ended = false;
    const proxy = await start(async (call) => {
      begun = true;
      const failed = await readBody(call).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: 'CallAborted' });
      // The answer comes after all that the client's going closes.
      await new Promise((resolve) => setImmediate(resolve));
      call.respond.writeHead(403, []);
      await call.respond.end('refused');
      ended = true;
    });
    const raw = await OPENERS[by](proxy);
    await eventually(() => expect(begun).toBe(true));
    if (how === 'reset') raw.resetAndDestroy();
    else raw.destroy();
    await eventually(() => expect(ended).toBe(true));
  });
});
