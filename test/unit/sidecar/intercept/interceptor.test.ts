/**
 * The interceptor's contract: every call of every client reaches the handler once, one after another on an HTTP/1
 * connection, with its bytes unchanged; whatever else a client sends gets a refusal in words or a closed connection, and
 * nothing it does ends the process or holds it for ever.
 */

import { once } from 'node:events';
import { connect as connectHTTP2, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTLS, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { CallHandler } from '../../../../sidecar/intercept/call.ts';
import type { InterceptorOptions } from '../../../../sidecar/intercept/interceptor.ts';
import type { InterceptLimits } from '../../../../sidecar/intercept/limits.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  describeCall,
  HOST,
  openH2,
  openTLS,
  openTunnel,
  RawClient,
  readBody,
  request,
  requestH2,
  startProxy,
  type TestProxy,
  text,
} from './clients.ts';

const open: Array<{ close(): Promise<void> }> = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()));
});

async function start(
  handle: CallHandler = describeCall,
  options: Partial<InterceptorOptions> = {},
): Promise<TestProxy> {
  const proxy = await startProxy(handle, options);
  open.push(proxy);
  return proxy;
}

/** The code with which a stream of its own connection is reset. */
async function resetCode(proxy: TestProxy, headers: Record<string, string> = {}): Promise<number> {
  const session = await openH2(proxy);
  const stream = session.request({ ':path': '/', ...headers });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  session.destroy();
  return stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
}

/** What is raised instead of a problem the handler meant. */
const failing: CallHandler = () => Promise.reject(new Error('a fault of ours, with its s3cret'));

describe.each(['h1', 'h2'] as const)('a call by %s in a tunnel', (protocol) => {
  it('reaches the handler as it was sent', async () => {
    const proxy = await start();
    const { body } = await request(protocol, proxy, {
      method: 'POST',
      path: '/a/../b?q=%2e',
      headers: { 'x-a': 'b', 'content-type': 'text/plain' },
      body: 'hello',
    });
    const { head, ...rest } = JSON.parse(body);
    expect(rest).toEqual({ bodyIsEmpty: false, body: 'hello' });
    expect(head).toMatchObject({
      via: 'connect',
      httpVersion: protocol === 'h1' ? '1.1' : '2',
      scheme: 'https',
      connectAuthority: `${HOST}:443`,
      sni: HOST,
      method: 'POST',
      target: '/a/../b?q=%2e',
      ...(protocol === 'h2' ? { authority: `${HOST}:443` } : {}),
    });
    const at = head.rawHeaders.indexOf('x-a');
    expect(head.rawHeaders.slice(at, at + 2)).toEqual(['x-a', 'b']);
  });

  it('without a body says so', async () => {
    const proxy = await start();
    const { body } = await request(protocol, proxy);
    expect(JSON.parse(body)).toMatchObject({ bodyIsEmpty: true, body: '' });
  });

  it('gets every header of its answer, repeated ones too', async () => {
    const proxy = await start(async ({ respond }) => {
      respond.writeHead(201, [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ]);
      await respond.end('made');
    });
    const answer = await request(protocol, proxy);
    expect(answer).toMatchObject({ status: 201, body: 'made' });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it('with HEAD gets the head alone', async () => {
    const proxy = await start(async ({ respond }) => {
      respond.writeHead(200, [['content-length', '1234']]);
      await respond.pipe(Readable.from([]));
    });
    const answer = await request(protocol, proxy, { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['content-length']).toBe('1234');
  });

  it('gets a problem document when the handler fails, without what went wrong', async () => {
    const proxy = await start(failing);
    const { status, headers, body } = await request(protocol, proxy);
    expect(status).toBe(500);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ code: 'Internal', status: 500 });
    expect(body).not.toContain('s3cret');
    expect(proxy.events).toMatchObject([{ type: 'HandlerFailed' }]);
    // And the next call is served.
    expect((await request(protocol, proxy)).status).toBe(500);
  });

  it('gets the problem that the handler meant', async () => {
    const proxy = await start(() => {
      throw new ProblemError('GrantRequired', 'no grant');
    });
    const { status, body } = await request(protocol, proxy, { method: 'POST', body: 'x' });
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ code: 'GrantRequired' });
    expect(proxy.events).toEqual([]);
  });

  it('gets a problem document when the handler forgets to answer', async () => {
    const proxy = await start(() => Promise.resolve());
    expect((await request(protocol, proxy)).status).toBe(500);
  });

  it('is cut off when the handler fails after the head', async () => {
    const proxy = await start(async ({ respond }) => {
      const body = new PassThrough();
      respond.writeHead(200, []);
      body.write('half');
      setTimeout(() => body.destroy(new Error('upstream gone')), 50);
      await respond.pipe(body);
    });
    await expect(request(protocol, proxy)).rejects.toThrow();
  });

  it('streams both ways at once', async () => {
    const proxy = await start(async ({ respond, body }) => {
      respond.writeHead(200, []);
      await respond.pipe(body);
    });
    const big = 'x'.repeat(3 * 1024 * 1024);
    expect((await request(protocol, proxy, { method: 'PUT', body: big })).body.length).toBe(
      big.length,
    );
  });

  it('gets the head of a stream before its first event', async () => {
    const events = new PassThrough();
    const proxy = await start(async ({ respond }) => {
      respond.writeHead(200, [['content-type', 'text/event-stream']]);
      await respond.pipe(events);
    });
    if (protocol === 'h1') {
      const socket = await openTLS(proxy);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      const client = new RawClient(socket);
      await client.until(/text\/event-stream[\s\S]*\r\n\r\n/);
      events.write('data: 1\n\n');
      await client.until(/data: 1\n\n/);
      socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request({ ':path': '/' });
      await once(stream, 'response');
      events.write('data: 1\n\n');
      expect(String((await once(stream, 'data'))[0])).toBe('data: 1\n\n');
      session.destroy();
    }
  });

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

  it('whose answer failed before anything was sent gets the reason in words', async () => {
    const proxy = await start(async ({ respond }) => {
      const body = new PassThrough();
      body.on('error', () => {}).destroy(new ProblemError('CredentialEchoed', 'cut'));
      await sleep(10);
      respond.writeHead(200, [['x-a', 'b']]);
      await respond.pipe(body);
    });
    const answer = await request(protocol, proxy);
    expect(answer.status).toBe(502);
    expect(answer.headers['x-a']).toBeUndefined();
    expect(answer.body).toContain('CredentialEchoed');
  });

  it('that expects a 100 gets it when its body is read, and not before', async () => {
    const proxy = await start(async (call) => {
      if (call.head.target === '/refused') throw new ProblemError('GrantRequired', 'no');
      await describeCall(call);
    });
    if (protocol === 'h1') {
      const client = new RawClient(await openTLS(proxy));
      const head = (path: string) =>
        `POST ${path} HTTP/1.1\r\nhost: ${HOST}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n`;
      client.write(head('/wanted'));
      await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
      client.write('hello');
      await client.until(/"body":"hello"/);
      client.received = '';
      client.write(head('/refused'));
      expect(await client.until(/GrantRequired/)).toMatch(/^HTTP\/1\.1 403 /);
      client.socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request(
        { ':path': '/', ':method': 'POST', expect: '100-continue' },
        { endStream: false },
      );
      await once(stream, 'continue');
      stream.end('hello');
      expect(await text(stream)).toContain('"body":"hello"');
      session.destroy();
    }
  });

  it('whose body ends in trailers fails while it is read', async () => {
    const proxy = await start(async (call) => {
      await readBody(call);
      throw new Error('not reached');
    });
    let answer: string;
    if (protocol === 'h1') {
      const client = new RawClient(await openTLS(proxy));
      client.write(
        `POST / HTTP/1.1\r\nhost: ${HOST}\r\ntransfer-encoding: chunked\r\n\r\n` +
          '5\r\nhello\r\n0\r\nauthorization: Bearer x\r\n\r\n',
      );
      answer = await client.until(/\}$/);
      client.socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request(
        { ':path': '/', ':method': 'POST' },
        { endStream: false, waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ authorization: 'Bearer x' }));
      stream.end('hello');
      answer = await text(stream);
      session.destroy();
    }
    expect(answer).toContain('"code":"HeaderRefused"');
  });

  it('with more header lines than allowed is refused, not shortened', async () => {
    const proxy = await start(describeCall, { limits: { headerCount: 20 } });
    const headers = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`x-${i}`, 'v']));
    if (protocol === 'h1') {
      const { status, body } = await request(protocol, proxy, { headers });
      expect(status).toBe(431);
      expect(JSON.parse(body)).toMatchObject({ code: 'HeadersTooLarge' });
    } else {
      await expect(request(protocol, proxy, { headers })).rejects.toThrow();
    }
  });

  it('with more header bytes than allowed is refused', async () => {
    const proxy = await start(describeCall, { limits: { headBytes: 8 * 1024 } });
    const headers = { 'x-large': 'v'.repeat(9 * 1024) };
    const outcome = await request(protocol, proxy, { headers }).catch(() => ({ status: 431 }));
    expect(outcome.status).toBe(431);
  });

  it('with more headers than Node counts keeps them all', async () => {
    const proxy = await start(describeCall, {
      limits: { headerCount: 3_000, headBytes: 64 * 1024 },
    });
    const headers = Object.fromEntries(Array.from({ length: 2_200 }, (_, i) => [`x-${i}`, 'v']));
    const { body } = await request(protocol, proxy, { headers });
    expect(JSON.parse(body).head.rawHeaders.length).toBeGreaterThanOrEqual(4_400);
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

it.each(['NO_ERROR', 'CANCEL'])(
  'a body that its HTTP/2 client resets with %s does not pass for complete',
  async (code) => {
    const seen = Promise.withResolvers<unknown>();
    const proxy = await start(async (call) => {
      seen.resolve(await readBody(call).catch((error: unknown) => error));
    });
    const session = await openH2(proxy);
    const gone = new AbortController();
    const stream = session.request(
      { ':path': '/', ':method': 'POST' },
      { endStream: false, signal: gone.signal },
    );
    stream.on('error', () => {});
    stream.write('half');
    await sleep(50);
    // Node resets a stream that is destroyed without an error with NO_ERROR, and an aborted one with CANCEL.
    if (code === 'CANCEL') gone.abort();
    else stream.destroy();
    expect(await seen.promise).toMatchObject({ code: 'CallAborted' });
    session.destroy();
  },
);

describe('an absolute-form request', () => {
  it('reaches the handler as it was sent', async () => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/a?b HTTP/1.0\r\nHost: ${HOST}\r\nHost: other\r\n\r\n`);
    const answer = await client.until(/\}$/);
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).head).toEqual({
      via: 'absolute-form',
      httpVersion: '1.0',
      scheme: 'http',
      method: 'GET',
      target: `http://${HOST}/a?b`,
      rawHeaders: ['Host', HOST, 'Host', 'other'],
    });
  });

  it('without a Host reaches the handler, too: the refusal is not for the parser to make', async () => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\n\r\n`);
    expect(await client.until(/\}$/)).toContain('"rawHeaders":[]');
    client.socket.destroy();
  });

  it.each([
    ['an upgrade', 'Connection: upgrade\r\nUpgrade: websocket\r\n'],
    ['an unknown expectation', 'Expect: a-miracle\r\n'],
  ])('with %s reaches the handler, and the connection goes on', async (_name, header) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    const bytes = `GET http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\n${header}\r\n`;
    client.write(bytes);
    await client.until(/\}$/);
    client.received = '';
    client.write(bytes);
    expect(await client.until(/\}$/)).toMatch(/^HTTP\/1\.1 200 /);
    client.socket.destroy();
  });

  it('that is cut off cannot be taken for complete, even by an HTTP/1.0 client', async () => {
    const proxy = await start(async ({ respond }) => {
      const body = new PassThrough();
      respond.writeHead(200, []);
      body.write('half');
      setTimeout(() => body.destroy(new Error('gone')), 50);
      await respond.pipe(body);
    });
    const client = await RawClient.connect(proxy.port);
    const failed = once(client.socket, 'error').catch(([error]) => error);
    client.write(`GET http://${HOST}/ HTTP/1.0\r\n\r\n`);
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(client.received).toContain('half');
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

describe('pipelined requests', () => {
  const pipelined = (count: number) =>
    Array.from(
      { length: count },
      (_, i) => `GET http://${HOST}/${i} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`,
    );

  it('are served one after another, in their order', async () => {
    const log: string[] = [];
    const handle: CallHandler = async ({ head, respond }) => {
      const name = head.target.slice(-1);
      log.push(`+${name}`);
      await sleep(20);
      log.push(`-${name}`);
      respond.writeHead(200, []);
      await respond.end(`<${name}>`);
    };
    const proxy = await start(handle, { limits: { pipelined: 4 } });
    const client = await RawClient.connect(proxy.port);
    client.write(pipelined(4).join(''));
    expect((await client.until(/<3>/)).match(/<\d>/g)).toEqual(['<0>', '<1>', '<2>', '<3>']);
    expect(log.join(' ')).toBe('+0 -0 +1 -1 +2 -2 +3 -3');
    client.socket.destroy();
  });

  it('beyond the limit close the connection', async () => {
    let served = 0;
    const proxy = await start(
      async () => {
        served += 1;
        await sleep(10_000, undefined, { ref: false });
      },
      { limits: { pipelined: 3 } },
    );
    const client = await RawClient.connect(proxy.port);
    client.write(pipelined(10).join(''));
    await client.untilClosed();
    expect(served).toBe(1);
  });

  it('of a client that has gone are not served', async () => {
    let served = 0;
    const proxy = await start(async ({ signal }) => {
      served += 1;
      await once(signal, 'abort');
    });
    const client = await RawClient.connect(proxy.port);
    client.write(pipelined(3).join(''));
    await eventually(() => expect(served).toBe(1));
    client.socket.destroy();
    await sleep(50);
    expect(served).toBe(1);
  });
});

describe('a tunnel', () => {
  it('to an address, without a server name, has a certificate for the address', async () => {
    const proxy = await start();
    for (const [authority, host] of [
      ['10.96.0.1:443', '10.96.0.1'],
      ['[fd00::1]:443', 'fd00::1'],
    ] as const) {
      const socket = await openTLS(proxy, { tunnelTo: authority, servername: '', host });
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      const client = new RawClient(socket);
      expect(await client.until(/\}$/)).toContain('"sni":false');
      socket.destroy();
    }
  });

  it('whose server name differs has a certificate for it, so that the refusal can be read', async () => {
    const proxy = await start();
    const socket = await openTLS(proxy, { servername: 'other.example.com' });
    const client = new RawClient(socket);
    client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const answer = await client.until(/\}$/);
    expect(answer).toContain('"sni":"other.example.com"');
    expect(answer).toContain(`"connectAuthority":"${HOST}:443"`);
    socket.destroy();
  });

  it.each([
    ['without a port', 'edr.example.com', 'TargetRefused'],
    ['to an unusual spelling of an address', '0x7f.1:443', 'TargetRefused'],
    ['with user information', 'a@edr.example.com:443', 'TargetRefused'],
  ])('%s is refused', async (_name, target, code) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    const answer = await client.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain(code);
  });

  it.each(['content-length: 5', 'transfer-encoding: chunked'])(
    'asked for with %s is refused',
    async (header) => {
      const proxy = await start();
      const client = await RawClient.connect(proxy.port);
      client.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n${header}\r\n\r\nhello`);
      expect(await client.untilClosed()).toContain('RequestAmbiguous');
    },
  );

  it('inside a tunnel is refused', async () => {
    const proxy = await start();
    const client = new RawClient(await openTLS(proxy));
    client.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    expect(await client.untilClosed()).toContain('MethodRefused');
  });

  it('with plain HTTP in it is refused and closed', async () => {
    const proxy = await start();
    const client = new RawClient(await openTunnel(proxy.port, `${HOST}:80`));
    client.socket.resume();
    client.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    expect(await client.untilClosed()).toContain('ProtocolRefused');
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'PlainInTunnel' }]);
  });

  it('whose ClientHello came with the CONNECT works', async () => {
    const proxy = await start();
    const hello = await clientHello();
    const client = await RawClient.connect(proxy.port);
    client.write(
      Buffer.concat([
        Buffer.from(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n`),
        hello,
      ]),
    );
    // The answer to the ClientHello: a ServerHello record.
    await client.until(/^HTTP\/1\.1 200 [^\r]*\r\n\r\n\x16\x03/);
    client.socket.destroy();
  });

  it.each(['', 'a b', '..', 'x'.repeat(300), '-a.example.com', 'a..b', '\u0000'])(
    'with the server name %j does no harm',
    async (servername) => {
      const proxy = await start();
      const client = new RawClient(await openTunnel(proxy.port));
      client.socket.resume();
      client.write(rawClientHello(servername));
      await client.until(/^[\x15\x16]\x03/).catch(() => {});
      client.socket.destroy();
      expect((await request('h1', proxy)).status).toBe(200);
    },
  );

  it('with garbage for a handshake is closed and reported', async () => {
    const proxy = await start();
    const client = new RawClient(await openTunnel(proxy.port));
    client.socket.resume();
    client.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]));
    await client.untilClosed();
    expect(proxy.events).toMatchObject([{ type: 'TLSFailed' }]);
  });
});

describe('bytes that are not HTTP', () => {
  it.each([
    ['TLS without a CONNECT', Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05])],
    ['SSH', Buffer.from('ssh-2.0-x\r\n')],
    ['zeros', Buffer.alloc(16)],
  ])('%s: the connection is closed', async (_name, bytes) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(bytes);
    expect(await client.untilClosed()).toBe('');
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'NotHTTP' }]);
  });

  it.each([
    ['an unknown method', 'FOO BAR\r\n\r\n'],
    ['a header without a colon', 'GET http://a/ HTTP/1.1\r\nhost a\r\n\r\n'],
    ['two lengths', 'GET http://a/ HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s: a problem document, and the connection is closed', async (_name, bytes) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(bytes);
    const answer = await client.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"RequestMalformed"');
  });

  it.each(['', ' HTTP/2.0'])('a request line ending in "%s": refused', async (version) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/${version}\r\n\r\n`);
    expect(await client.until(/\}$/)).toContain('"code":"ProtocolRefused"');
    client.socket.destroy();
  });

  it('inside a request that is served reset the connection: no text lands in its answer', async () => {
    const proxy = await start(async ({ respond, body, signal }) => {
      respond.writeHead(200, [['content-length', '1000']]);
      body.on('error', () => {}).resume();
      const answer = new PassThrough();
      answer.write('begin');
      signal.addEventListener('abort', () => answer.destroy());
      await respond.pipe(answer);
    });
    const client = await RawClient.connect(proxy.port);
    client.write(`POST http://${HOST}/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`);
    await client.until(/begin/);
    client.write('not a chunk size\r\n');
    expect(await client.untilClosed()).toMatch(/begin$/);
  });
});

describe('a client that holds on', () => {
  it.each([
    ['sends nothing', async (_client: RawClient) => {}],
    ['sends its head byte by byte', trickle('GET http://edr.example.com/ HTTP/1.1\r\nx: ')],
    ['never completes its CONNECT', trickle('CONNECT edr.example.com:443 HTTP/1.1\r\nx: ')],
  ])('and %s is closed', async (_name, act) => {
    const proxy = await start(describeCall, { limits: { headMilliseconds: 200 } });
    const client = await RawClient.connect(proxy.port);
    void act(client);
    await client.untilClosed();
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'Idle' }]);
  });

  it('and opens a tunnel without a handshake is closed', async () => {
    const proxy = await start(describeCall, { limits: { headMilliseconds: 200 } });
    const client = new RawClient(await openTunnel(proxy.port));
    client.socket.resume();
    await client.untilClosed();
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'Idle' }]);
  });

  it('and sends no more requests is closed', async () => {
    const proxy = await start(describeCall, { limits: { idleMilliseconds: 200 } });
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await client.until(/\}$/);
    await client.untilClosed();
  });

  it.each(['h1', 'h2'] as const)(
    'and stops in the middle of its body by %s is closed',
    async (protocol) => {
      const seen = Promise.withResolvers<unknown>();
      const proxy = await start(
        async (call) => {
          seen.resolve(await readBody(call).catch((error: unknown) => error));
        },
        { limits: { idleMilliseconds: 200 } },
      );
      if (protocol === 'h1') {
        const client = await RawClient.connect(proxy.port);
        client.write(`POST http://${HOST}/ HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf`);
        await client.untilClosed();
      } else {
        const session = await openH2(proxy);
        const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
        stream.on('error', () => {});
        stream.write('half');
        await once(session, 'close');
      }
      expect(await seen.promise).toMatchObject({ code: 'CallAborted' });
    },
  );

  it('and does not take its answer by h2 is closed', async () => {
    const proxy = await start(describeCall, { limits: { idleMilliseconds: 200 } });
    const socket = await openTLS(proxy, { ALPNProtocols: ['h2'] });
    // RFC 9113 6.9.2: with such a window not a byte of an answer's body may be sent.
    const session = connectHTTP2(`https://${HOST}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: 0 },
    });
    session.on('error', () => {});
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'response');
    await once(session, 'close');
    expect(proxy.events).toContainEqual({ type: 'ConnectionRefused', reason: 'Idle' });
  });

  it('waits for a slow answer is not closed', async () => {
    const proxy = await start(
      async (call) => {
        await sleep(2_000);
        await describeCall(call);
      },
      // Long enough for a request to come whole on a busy machine, short enough to run out during the answer.
      { limits: { idleMilliseconds: 1_000 } },
    );
    expect((await request('h1', proxy, { method: 'POST', body: 'x' })).status).toBe(200);
    expect((await request('h2', proxy, { method: 'POST', body: 'x' })).status).toBe(200);
  }, 15_000);
});

describe('limits', () => {
  it('connections beyond their number are closed at once', async () => {
    const proxy = await start(describeCall, { limits: { connections: 2 } });
    const clients = [await RawClient.connect(proxy.port), await RawClient.connect(proxy.port)];
    const third = await RawClient.connect(proxy.port);
    await third.untilClosed();
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'TooManyConnections' }]);
    for (const client of clients) client.socket.destroy();
    await eventually(async () => expect((await request('h1', proxy)).status).toBe(200));
  });

  /** Calls wait in the handler until the gate is opened. */
  async function startGated(limits: Partial<InterceptLimits>) {
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const handle: CallHandler = async (call) => {
      waiting += 1;
      await gate.promise;
      await describeCall(call);
    };
    const proxy = await start(handle, { limits });
    const untilWaiting = (count: number) => eventually(() => expect(waiting).toBe(count));
    return { proxy, untilWaiting, openGate: () => gate.resolve() };
  }

  it.each(['h1', 'h2'] as const)('calls by %s beyond their number are refused', async (by) => {
    const { proxy, untilWaiting, openGate } = await startGated({ calls: 2 });
    const allowed = [request(by, proxy), request(by, proxy)];
    await untilWaiting(2);
    if (by === 'h1') {
      const { status, body } = await request(by, proxy);
      expect(status).toBe(429);
      expect(JSON.parse(body).code).toBe('TooManyRequests');
    } else {
      expect(await resetCode(proxy)).toBe(constants.NGHTTP2_REFUSED_STREAM);
    }
    openGate();
    for (const call of allowed) expect((await call).status).toBe(200);
    expect((await request(by, proxy)).status).toBe(200);
  });

  it('of HTTP/2 calls count those, too, whose answers are not taken, whatever these are', async () => {
    const proxy = await start(describeCall, { limits: { calls: 3 } });
    const session = await openH2(proxy, { initialWindowSize: 0 });
    for (const scheme of ['https', 'ftp', 'gopher']) {
      const stream = session.request({ ':path': '/', ':scheme': scheme });
      stream.on('error', () => {});
      await once(stream, 'response');
    }
    expect(await resetCode(proxy)).toBe(constants.NGHTTP2_REFUSED_STREAM);
    session.destroy();
    await eventually(async () => expect((await request('h2', proxy)).status).toBe(200));
  });

  describe('of all heads together', () => {
    const LONG = { 'x-long': 'x'.repeat(5_000) };
    const long = (name: string) =>
      `GET http://${HOST}/${name} HTTP/1.1\r\nhost: ${HOST}\r\nx-long: ${LONG['x-long']}\r\n\r\n`;

    it.each(['h1', 'h2'] as const)('turn the next one away by %s', async (by) => {
      const { proxy, untilWaiting, openGate } = await startGated({ headsBytes: 8_000 });
      const allowed = request(by, proxy, { headers: LONG });
      await untilWaiting(1);
      const small = request(by, proxy);
      await untilWaiting(2);
      if (by === 'h1') {
        const client = await RawClient.connect(proxy.port);
        client.write(long('refused'));
        expect(await client.untilClosed()).toBe('');
      } else {
        expect(await resetCode(proxy, LONG)).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
      expect(proxy.events).toContainEqual({ type: 'ConnectionRefused', reason: 'TooManyHeads' });
      openGate();
      for (const call of [allowed, small]) expect((await call).status).toBe(200);
      // There is room again as soon as they are over.
      await eventually(async () =>
        expect((await request(by, proxy, { headers: LONG })).status).toBe(200),
      );
    });

    it('end an HTTP/2 connection that brings many, once its calls are over', async () => {
      const { proxy, untilWaiting, openGate } = await startGated({ headsBytes: 4_000 });
      const session = await openH2(proxy);
      const closed = once(session, 'close');
      const call = requestH2(session, {});
      await untilWaiting(1);
      const codes: (number | undefined)[] = [];
      for (let i = 0; i < 20; i += 1) {
        const stream = session.request({ ':path': '/', ...LONG });
        stream.on('error', () => {});
        stream.once('close', () => codes.push(stream.rstCode));
      }
      await eventually(() => expect(proxy.events.length).toBe(8));
      openGate();
      expect((await call).status).toBe(200);
      await closed;
      expect(proxy.events.length).toBe(8);
      const calm = codes.filter((code) => code === constants.NGHTTP2_ENHANCE_YOUR_CALM);
      expect(calm.length).toBe(8);
    });

    it('count what waits behind another request, until its client has gone', async () => {
      const { proxy, untilWaiting, openGate } = await startGated({ headsBytes: 8_000 });
      const first = await RawClient.connect(proxy.port);
      first.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n${long('waits')}`);
      await untilWaiting(1);
      const second = await RawClient.connect(proxy.port);
      second.write(long('refused'));
      expect(await second.untilClosed()).toBe('');
      first.socket.destroy();
      openGate();
      await eventually(async () =>
        expect((await request('h1', proxy, { headers: LONG })).status).toBe(200),
      );
    });

    it('count a short line as what it takes in memory', async () => {
      const proxy = await start(describeCall, { limits: { headsBytes: 4_000, headerCount: 128 } });
      const client = await RawClient.connect(proxy.port);
      client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n${'a:b\r\n'.repeat(120)}\r\n`);
      expect(await client.untilClosed()).toBe('');
    });
  });

  it('an HTTP/2 connection has no more streams than allowed', async () => {
    let running = 0;
    let most = 0;
    const proxy = await start(
      async (call) => {
        running += 1;
        most = Math.max(most, running);
        await sleep(20);
        running -= 1;
        await describeCall(call);
      },
      { limits: { streams: 4 } },
    );
    const session = await openH2(proxy);
    await once(session, 'remoteSettings');
    await Promise.all(Array.from({ length: 12 }, () => requestH2(session, {})));
    expect(most).toBeLessThanOrEqual(4);
    session.destroy();
  });
});

describe('closing', () => {
  it.each(['h1', 'h2'] as const)(
    'lets calls in flight by %s end, and takes no new ones',
    async (protocol) => {
      const proxy = await start(async (call) => {
        await sleep(200);
        await describeCall(call);
      });
      const idle = await RawClient.connect(proxy.port);
      const inFlight = request(protocol, proxy);
      await sleep(100);
      const closed = proxy.interceptor.close(5_000);
      await idle.untilClosed();
      await expect(RawClient.connect(proxy.port)).rejects.toThrow();
      expect((await inFlight).status).toBe(200);
      await closed;
    },
  );

  it('cuts what does not end', async () => {
    const proxy = await start(async ({ signal }) => {
      await once(signal, 'abort');
    });
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await sleep(50);
    await proxy.interceptor.close(50);
    await client.untilClosed();
  });
});

it('leaves nothing open after many calls of every kind', async () => {
  const proxy = await start(async (call) => {
    if (call.head.target.endsWith('fail')) throw new Error('fault');
    await describeCall(call);
  });
  for (let i = 0; i < 10; i += 1) {
    await Promise.all([
      request('h1', proxy, { path: '/fail' }),
      request('h2', proxy, { method: 'POST', body: 'x' }),
      request('h2', proxy, { path: '/fail' }),
      RawClient.connect(proxy.port).then((client) => {
        client.write('junk\r\n\r\n');
        return client.untilClosed();
      }),
    ]);
  }
  await eventually(() => expect(process.getActiveResourcesInfo()).not.toContain('TCPSocketWrap'));
});

/** One byte every few milliseconds, for ever. */
function trickle(start: string) {
  return async (client: RawClient): Promise<void> => {
    client.write(start);
    while (!client.closed) {
      client.write('a');
      await sleep(10);
    }
  };
}

/** The bytes with which a real TLS client begins. */
async function clientHello(): Promise<Buffer> {
  const { createServer, connect } = await import('node:net');
  const tls = await import('node:tls');
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as { port: number }).port;
  const accepted = once(server, 'connection');
  const client = tls.connect({ socket: connect(port, '127.0.0.1'), servername: HOST });
  client.on('error', () => {});
  const [socket] = (await accepted) as [import('node:net').Socket];
  const [data] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return data;
}

/** A TLS 1.2 ClientHello whose server name is any text: clients of Node would not send most of these. */
function rawClientHello(servername: string): Buffer {
  const u16 = (n: number) => Buffer.from([n >> 8, n & 0xff]);
  const name = Buffer.from(servername, 'latin1');
  const entry = Buffer.concat([Buffer.from([0]), u16(name.length), name]);
  const list = Buffer.concat([u16(entry.length), entry]);
  const extension = Buffer.concat([u16(0), u16(list.length), list]);
  const groups = Buffer.from([0, 10, 0, 4, 0, 2, 0, 23]);
  const signatures = Buffer.from([0, 13, 0, 4, 0, 2, 4, 3]);
  const extensions = Buffer.concat([extension, groups, signatures]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    Buffer.from([0, 2, 0xc0, 0x2b]),
    Buffer.from([1, 0]),
    u16(extensions.length),
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), u16(handshake.length), handshake]);
}
