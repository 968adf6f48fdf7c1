/**
 * The forwarder's contract: a request is sent at most once, on a verified connection, and `dispatched` is false only if no
 * byte of it was written. With a credential the connection is the exchange's own, nothing outlives the deadline, and the
 * token never comes back.
 */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import type { Forwarder } from '../../../../sidecar/forward/forward.ts';
import { createResolver } from '../../../../sidecar/forward/resolve.ts';
import type { HeaderPair } from '../../../../sidecar/forward/upstream.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/ports.ts';
import {
  aRequest,
  credentialed,
  forwarderTo,
  type Handler,
  HOST,
  options,
  otherCA,
  type Protocol,
  read,
  readUntilError,
  rejection,
  startRawUpstream,
  startTCPUpstream,
  startUpstream,
  TOKEN,
  type Upstream,
  upstreamCA,
} from './upstreams.ts';

const open: Array<{ close(): Promise<void> }> = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()));
});

function closing<T extends { close(): Promise<void> }>(it: T): T {
  open.push(it);
  return it;
}

async function start(
  protocol: Protocol,
  handler: Handler,
  names?: string[],
): Promise<{ upstream: Upstream; forwarder: Forwarder }> {
  const upstream = closing(await startUpstream(protocol, handler, names));
  return { upstream, forwarder: closing(await forwarderTo(upstream.port)) };
}

async function startRaw(onData: (data: string) => string) {
  const upstream = closing(
    await startRawUpstream((socket) => {
      socket.on('data', (data) => socket.write(onData(data.toString('latin1'))));
    }),
  );
  return { upstream, forwarder: closing(await forwarderTo(upstream.port)) };
}

const MEBIBYTE = 1024 * 1024;

/** A body of so many bytes that has more to come. */
function flowing(bytes: number): PassThrough {
  const stream = new PassThrough();
  stream.on('error', () => {});
  stream.write(Buffer.alloc(bytes, 'x'));
  return stream;
}

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

  it('sends the token, and asks for a response that is not encoded', async () => {
    const seen: unknown[] = [];
    const { forwarder } = await start(protocol, (req, res) => {
      seen.push(req.headers.authorization, req.headers['accept-encoding']);
      res.end();
    });
    const request = credentialed({
      headers: [
        ['accept-encoding', 'gzip, br'],
        ['authorization', 'Bearer agent'],
      ],
    });
    await read((await forwarder.forward(request, options())).body);
    expect(seen).toEqual([`Bearer ${TOKEN}`, 'identity']);
  });

  it('gives every credentialed use a connection of its own, closed after', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => void res.end('ok'));
    for (let i = 0; i < 3; i += 1) {
      await read((await forwarder.forward(credentialed(), options())).body);
    }
    expect(upstream.connections).toBeGreaterThanOrEqual(3);
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('shares connections without a credential within an identity and not across', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => void res.end('ok'));
    const call = async (identity: string) =>
      read((await forwarder.forward(aRequest(), options({ identity }))).body).then(
        // The connection is free for the next call a turn after its response is complete.
        () => setImmediate(),
      );
    await call('a');
    const first = upstream.connections;
    await call('a');
    expect(upstream.connections).toBe(first);
    await call('b');
    expect(upstream.connections).toBe(2 * first);
  });

  it('passes redirects through and does not follow them', async () => {
    let requests = 0;
    const { forwarder } = await start(protocol, (_req, res) => {
      requests += 1;
      res.writeHead(302, { location: 'https://elsewhere.example.com/' });
      res.end();
    });
    const response = await forwarder.forward(credentialed(), options());
    await read(response.body);
    expect(response.status).toBe(302);
    expect(response.headers).toContainEqual(['location', 'https://elsewhere.example.com/']);
    expect(requests).toBe(1);
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

  it('cuts an event stream at the deadline and closes its connection', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n');
    });
    const deadline = systemClock.monotonic() + 300;
    const { body } = await forwarder.forward(credentialed(), options({ deadline }));
    const { text, error } = await readUntilError(body);
    expect(text).toBe('data: 1\n\n');
    expect(error).toMatchObject({ code: 'DeadlineExceeded', dispatched: true });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('cuts an upload at the deadline: nothing more is written', async () => {
    let received = 0;
    const { upstream, forwarder } = await start(protocol, (req) => {
      req.on('error', () => {});
      req.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
    });
    const upload = new PassThrough();
    upload.write('first');
    const deadline = systemClock.monotonic() + 300;
    const error = await rejection(
      forwarder.forward(credentialed({ method: 'POST', body: upload }), options({ deadline })),
    );
    expect(error).toMatchObject({ code: 'DeadlineExceeded', dispatched: true });
    upload.write('second');
    await eventually(() => expect(upstream.open).toBe(0));
    expect(received).toBe('first'.length);
    expect(upload.destroyed).toBe(false);
  });

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

  it('does not pass on trailers or what belongs to the connection', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('alt-svc', 'h3=":443"');
      res.setHeader('x-kept', 'yes');
      if (protocol === 'h1') {
        res.setHeader('connection', 'close, x-named');
        res.setHeader('x-named', 'by connection');
        res.setHeader('trailer', 'x-trailer');
      }
      res.write('body');
      res.addTrailers({ 'x-trailer': 'late' });
      res.end();
    });
    const response = await forwarder.forward(aRequest(), options());
    expect(await read(response.body)).toBe('body');
    const names = response.headers.map(([name]) => name).filter((name) => name !== 'date');
    expect(names).toEqual(['x-kept']);
  });

  it('withholds cookies and session identifiers after a credential, and only then', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      res.setHeader('mcp-session-id', 's1');
      res.end();
    });
    const names = async (request: ReturnType<typeof aRequest>) => {
      const response = await forwarder.forward(request, options());
      await read(response.body);
      return response.headers.map(([name]) => name);
    };
    expect(await names(credentialed())).not.toContain('set-cookie');
    expect(await names(credentialed())).not.toContain('mcp-session-id');
    expect(await names(aRequest())).toEqual(expect.arrayContaining(['set-cookie', 'set-cookie']));
  });

  it('refuses an encoded response to a call with a credential, and only to such', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('content-encoding', 'gzip');
      res.end('not really');
    });
    expect(await rejection(forwarder.forward(credentialed(), options()))).toMatchObject({
      code: 'UpstreamEncodedResponse',
      dispatched: true,
    });
    const response = await forwarder.forward(aRequest(), options());
    expect(await read(response.body)).toBe('not really');
  });

  it('leaves the agent no choice of charset in a call with a credential, and all of it without', async () => {
    const seen: unknown[] = [];
    const { forwarder } = await start(protocol, (req, res) => {
      seen.push([req.headers.accept, req.headers['accept-charset']]);
      res.end();
    });
    const headers = (accept: string): HeaderPair[] => [
      ['accept-charset', 'utf-16'],
      ['accept', accept],
    ];
    const call = async (make: typeof aRequest, accept: string) =>
      read((await forwarder.forward(make({ headers: headers(accept) }), options())).body);
    for (const accept of [
      'application/json;charset=utf-16, text/plain; Charset="utf-16le";q=0.5, */*',
      'text/html',
      'application/json;charset="ut\\f-16"',
    ]) {
      await call(credentialed, accept);
    }
    await call(aRequest, 'text/plain;charset=utf-16');
    expect(seen).toEqual([
      ['application/json, text/plain;q=0.5, */*', undefined],
      ['text/html', undefined],
      ['*/*', undefined],
      ['text/plain;charset=utf-16', 'utf-16'],
    ]);
  });

  it.each([
    ['text/plain; charset=utf-16', false],
    ['application/json;charset="UTF-16LE"', false],
    ['text/plain; charset=utf-32', false],
    ['text/plain; charset=utf-7', false],
    ['text/plain; charset=ibm037', false],
    ['text/plain; charset=utf-8; charset=utf-16', false],
    ['text/plain; charset=utf-8', true],
    ['text/html; charset="ISO-8859-15"', true],
    ['text/plain;charset=windows-1252', true],
    ['application/json', true],
  ])('takes an answer of type %s to a call with a credential: %s', async (type, taken) => {
    const { forwarder } = await start(protocol, (_req, res) => {
      res.setHeader('content-type', type);
      res.end('text');
    });
    const answered = forwarder.forward(credentialed(), options());
    if (taken) expect(await read((await answered).body)).toBe('text');
    else {
      expect(await rejection(answered)).toMatchObject({
        code: 'UpstreamEncodedResponse',
        dispatched: true,
      });
    }
    const plain = await forwarder.forward(aRequest(), options());
    expect(await read(plain.body)).toBe('text');
  });

  it('refuses a response whose head repeats the token', async () => {
    const { forwarder } = await start(protocol, (req, res) => {
      res.setHeader('x-echo', `you sent ${req.headers.authorization}`);
      res.end();
    });
    expect(await rejection(forwarder.forward(credentialed(), options()))).toMatchObject({
      code: 'CredentialEchoed',
      dispatched: true,
    });
  });

  it('cuts a body where it repeats the token, and lets no byte of it out', async () => {
    const { upstream, forwarder } = await start(protocol, (_req, res) => {
      res.write('before ');
      res.write(TOKEN.slice(0, 10));
      setTimeout(() => res.write(`${TOKEN.slice(10)} after`), 50);
    });
    const { body } = await forwarder.forward(credentialed(), options());
    const { text, error } = await readUntilError(body);
    expect(text).toBe('before ');
    expect(error).toMatchObject({ code: 'CredentialEchoed', dispatched: true });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('fails a response whose trailers repeat the token', async () => {
    const { forwarder } = await start(protocol, (_req, res) => {
      if (protocol === 'h1') res.setHeader('trailer', 'x-echo');
      res.write('body');
      res.addTrailers({ 'x-echo': TOKEN });
      res.end();
    });
    const { body } = await forwarder.forward(credentialed(), options());
    expect((await readUntilError(body)).error).toMatchObject({ code: 'CredentialEchoed' });
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

  it('refuses a certificate that also names the API server, before the first byte', async () => {
    let requests = 0;
    const { upstream, forwarder } = await start(protocol, () => {
      requests += 1;
    }, [HOST, 'kubernetes.default.svc']);
    let dispatched = 0;
    const how = options({
      refuseCertificateNames: ['kubernetes.default.svc'],
      onDispatched: () => {
        dispatched += 1;
      },
    });
    for (const request of [credentialed(), aRequest()]) {
      expect(await rejection(forwarder.forward(request, how))).toMatchObject({
        code: 'UpstreamNameRefused',
        dispatched: false,
      });
    }
    await eventually(() => expect(upstream.open).toBe(0));
    expect({ requests, dispatched }).toEqual({ requests: 0, dispatched: 0 });
  });

  it('leaves nothing open after many round trips', async () => {
    const { upstream, forwarder } = await start(protocol, (req, res) => {
      if (req.url === '/cut') req.socket.destroy();
      else res.end(req.url === '/echo' ? TOKEN : 'ok');
    });
    const paths = Array.from({ length: 60 }, (_, i) => ['/ok', '/cut', '/echo'][i % 3] ?? '');
    await Promise.all(
      paths.map(async (path) => {
        const response = await forwarder
          .forward(credentialed({ path }), options())
          .catch(() => null);
        if (response !== null) await readUntilError(response.body);
      }),
    );
    await eventually(() => expect(upstream.open).toBe(0));
    await eventually(() => expect(process.getActiveResourcesInfo()).not.toContain('TCPSocketWrap'));
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
  const failsUndispatched = async (
    forwarder: Forwarder,
    code: string,
    how: Partial<Parameters<Forwarder['forward']>[1]> = {},
    request = credentialed(),
  ) => {
    let dispatched = 0;
    const error = await rejection(
      forwarder.forward(
        request,
        options({
          onDispatched: () => {
            dispatched += 1;
          },
          ...how,
        }),
      ),
    );
    expect(error).toMatchObject({ code, dispatched: false });
    expect(dispatched).toBe(0);
  };

  it('a name that does not resolve fails', async () => {
    const resolver = createResolver({ lookup: () => Promise.reject(new Error('NXDOMAIN')) });
    const forwarder = closing(await forwarderTo(1, { resolver }));
    await failsUndispatched(forwarder, 'UpstreamUnresolved');
    await failsUndispatched(forwarder, 'UpstreamUnresolved', {}, aRequest());
  });

  it('a name that leads to a forbidden address fails', async () => {
    const lookup = () => Promise.resolve([{ address: '169.254.169.254', family: 4 }]);
    const forwarder = closing(await forwarderTo(1, { resolver: createResolver({ lookup }) }));
    await failsUndispatched(forwarder, 'UpstreamNameRefused');
  });

  it('a refused connection fails', async () => {
    const forwarder = closing(await forwarderTo(await freePort()));
    await failsUndispatched(forwarder, 'UpstreamUnreachable');
    await failsUndispatched(forwarder, 'UpstreamUnreachable', {}, aRequest());
  });

  it('a certificate of another CA fails', async () => {
    const upstream = closing(await startUpstream('h1', (_req, res) => void res.end()));
    const forwarder = closing(await forwarderTo(upstream.port, { trust: [await otherCA()] }));
    await failsUndispatched(forwarder, 'UpstreamCertificateRefused');
    await failsUndispatched(forwarder, 'UpstreamCertificateRefused', {}, aRequest());
  });

  it('a certificate for another name fails', async () => {
    const { forwarder } = await start('h1', (_req, res) => void res.end(), ['other.example.com']);
    await failsUndispatched(forwarder, 'UpstreamCertificateRefused');
  });

  it('a peer that does not speak TLS fails', async () => {
    const upstream = closing(
      await startTCPUpstream((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    const forwarder = closing(await forwarderTo(upstream.port));
    await failsUndispatched(forwarder, 'UpstreamProtocolError');
  });

  it('a peer that never completes the handshake fails', async () => {
    const upstream = closing(await startTCPUpstream(() => {}));
    const forwarder = closing(await forwarderTo(upstream.port, { connectMilliseconds: 100 }));
    await failsUndispatched(forwarder, 'UpstreamUnreachable');
  });

  it('a deadline within resolving, or within the handshake, fails', async () => {
    const resolver = createResolver({ lookup: () => new Promise(() => {}) });
    const deadline = () => systemClock.monotonic() + 100;
    const resolving = closing(await forwarderTo(1, { resolver }));
    await failsUndispatched(resolving, 'DeadlineExceeded', { deadline: deadline() });
    const upstream = closing(await startTCPUpstream(() => {}));
    const connecting = closing(await forwarderTo(upstream.port));
    await failsUndispatched(connecting, 'DeadlineExceeded', { deadline: deadline() });
    await failsUndispatched(connecting, 'DeadlineExceeded', { deadline: deadline() }, aRequest());
    await eventually(() => expect(upstream.open).toBeLessThanOrEqual(1));
  });

  it('a deadline that passed while the timer could not run fails: nothing is written past it', async () => {
    let received = 0;
    const upstream = closing(
      await startRawUpstream((socket) => {
        socket.on('data', (data) => {
          received += data.length;
        });
      }),
    );
    // Every look at the clock is later than the one before; no timer ever fires.
    let now = 0;
    const clock = {
      now: () => 0,
      monotonic() {
        now += 10;
        return now;
      },
      after: () => ({ cancel() {} }),
    };
    const forwarder = closing(await forwarderTo(upstream.port, { clock }));
    await failsUndispatched(forwarder, 'DeadlineExceeded', { deadline: 25 });
    await sleep(20);
    expect(received).toBe(0);
  });

  it('a caller that has gone already fails', async () => {
    const { upstream, forwarder } = await start('h1', (_req, res) => void res.end());
    await failsUndispatched(forwarder, 'CallAborted', { signal: AbortSignal.abort() });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('a credential for a plain http call fails: no token in clear text', async () => {
    const upstream = closing(await startTCPUpstream(() => {}));
    const forwarder = closing(await forwarderTo(upstream.port));
    const request = credentialed({ scheme: 'http', port: 80 });
    await failsUndispatched(forwarder, 'UpstreamNameRefused', {}, request);
    expect(upstream.connections).toBe(0);
  });

  it('a host that the URL standard reads differently fails', async () => {
    const forwarder = closing(await forwarderTo(1, {}, '0x7f.1'));
    const request = credentialed({ host: '0x7f.1' });
    await failsUndispatched(forwarder, 'UpstreamNameRefused', {}, request);
  });

  it('a header that HTTP does not allow fails', async () => {
    const { forwarder } = await start('h1', (_req, res) => void res.end());
    const request = credentialed({ headers: [['x-a', 'b\r\nx-c: d']] });
    await failsUndispatched(forwarder, 'RequestMalformed', {}, request);
  });
});

it('verifies the API server by its own CA and name, whatever it is reached under', async () => {
  const upstream = closing(
    await startUpstream('h1', (_req, res) => void res.end('api'), ['kubernetes.default.svc']),
  );
  const forwarder = closing(
    await forwarderTo(upstream.port, { trust: [await otherCA()] }, '10.96.0.1'),
  );
  const request = credentialed({ host: '10.96.0.1' });
  const kubernetes = { ca: await upstreamCA(), serverName: 'kubernetes.default.svc' };
  const response = await forwarder.forward(request, options({ kubernetes }));
  expect(await read(response.body)).toBe('api');
});

it('forwards plain http without a credential', async () => {
  const upstream = closing(
    await startTCPUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain'));
    }),
  );
  const forwarder = closing(await forwarderTo(upstream.port));
  const response = await forwarder.forward(aRequest({ scheme: 'http', port: 80 }), options());
  expect(await read(response.body)).toBe('plain');
});
