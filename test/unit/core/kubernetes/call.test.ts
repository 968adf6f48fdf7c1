import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configMaps } from '../../../../core/kubernetes/resources.ts';
import { createAuthority } from '../../../support/pki.ts';
import {
  answer,
  StubApiServer,
  type StubHandler,
  status,
} from '../../../support/stub-api-server.ts';
import { failure, mint, object, read, write } from './calls.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

describe('a write that was definitely not applied', () => {
  it.each([
    [400, 'BadRequest', 'BadRequest'],
    [401, 'Unauthorized', 'Unauthorized'],
    [403, 'Forbidden', 'Forbidden'],
    [404, 'NotFound', 'NotFound'],
    [405, 'MethodNotAllowed', 'Rejected'],
    [409, 'AlreadyExists', 'AlreadyExists'],
    [409, 'Conflict', 'Conflict'],
    [410, 'Expired', 'Gone'],
    [413, 'RequestEntityTooLarge', 'Rejected'],
    [415, 'UnsupportedMediaType', 'Rejected'],
    [422, 'Invalid', 'Invalid'],
    [429, 'TooManyRequests', 'TooManyRequests'],
    [301, 'MovedPermanently', 'Rejected'],
  ])('HTTP %i %s is %s', async (code, reason, kind) => {
    stub.handler = (_request, response) => answer(response, code, status(code, reason));
    const error = await failure(write(await stub.client()));
    expect(error).toMatchObject({
      kind,
      httpStatus: code,
      reason,
      message: `it is ${reason}`,
    });
  });

  it('met a closed port', async () => {
    const port = await closedPort();
    const client = await stub.client({
      server: { type: 'InCluster', host: '127.0.0.1', port, directory: stub.directory },
    });
    const error = await failure(write(client));
    expect(error.kind).toBe('Unavailable');
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('met a server that hung up before TLS was up', async () => {
    await using server = await listen((socket) => socket.destroy());
    const client = await stub.client({
      server: {
        type: 'InCluster',
        host: '127.0.0.1',
        port: server.port,
        directory: stub.directory,
      },
    });
    expect((await failure(write(client))).kind).toBe('Unavailable');
  });

  it('met a server that never finished TLS', async () => {
    await using server = await listen(() => {});
    const client = await stub.client({
      server: {
        type: 'InCluster',
        host: '127.0.0.1',
        port: server.port,
        directory: stub.directory,
      },
      requestTimeoutMilliseconds: 100,
    });
    expect((await failure(write(client))).kind).toBe('Unavailable');
  });

  it('met a certificate of another authority', async () => {
    stub.writeCa((await createAuthority('another')).certificate);
    const error = await failure(write(await stub.client()));
    expect(error.kind).toBe('Unavailable');
    expect(stub.requests).toHaveLength(0);
  });

  it('timed out while it waited for a connection, and is never sent after that', async () => {
    const held = Promise.withResolvers<() => void>();
    stub.handler = (_request, response) => held.resolve(() => answer(response, 200, object));
    const client = await stub.client({ connections: 1 });
    const first = write(client);
    const release = await held.promise;
    const error = await failure(
      client.replaceStatus(configMaps, object, { timeoutMilliseconds: 30 }),
    );
    expect(error).toMatchObject({ kind: 'Unavailable', message: 'no answer in time' });
    release();
    await first;
    stub.handler = (_request, response) => answer(response, 200, object);
    await read(client);
    expect(stub.requests.map(({ method }) => method)).toEqual(['PUT', 'GET']);
  });

  it('was aborted before it was sent', async () => {
    const error = await failure(
      (await stub.client()).replaceStatus(configMaps, object, { signal: AbortSignal.abort() }),
    );
    expect(error.kind).toBe('Aborted');
    expect(stub.requests).toHaveLength(0);
  });

  it('says when to come back', async () => {
    stub.handler = (_request, response) => {
      response.setHeader('retry-after', '3');
      answer(response, 429, status(429, 'TooManyRequests'));
    };
    const error = await failure(write(await stub.client()));
    expect(error.retryAfterMilliseconds).toBe(3000);
  });
});

const broken: [string, StubHandler][] = [
  ['lost its connection', (request) => request.socket.destroy()],
  ['was cut off with a FIN', (request) => request.socket.end()],
  [
    'was answered by half',
    (request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"metadata":');
      setTimeout(() => request.socket.destroy(), 10);
    },
  ],
  ['was never answered', () => {}],
  ['was answered with no JSON', (_request, response) => void response.end('<html>')],
  ['was answered with no object', (_request, response) => answer(response, 200, { kind: 'x' })],
  ['was answered with no HTTP', (request) => void request.socket.end('hello\r\n\r\n')],
  ...[408, 499, 500, 502, 503, 504].map((code): [string, StubHandler] => [
    `was answered ${code}`,
    (_request, response) => answer(response, code, status(code, 'Timeout')),
  ]),
];

describe('a request that was sent and then failed', () => {
  it.each(broken)('may have been applied if it is a write and %s', async (_name, handler) => {
    stub.handler = handler;
    const client = await stub.client({ requestTimeoutMilliseconds: 150 });
    expect((await failure(write(client))).kind).toBe('Ambiguous');
    expect(stub.requests).toHaveLength(1);
  });

  it.each(broken)('is no more than a failed read if it is one and %s', async (_name, handler) => {
    stub.handler = handler;
    const client = await stub.client({ requestTimeoutMilliseconds: 150 });
    expect((await failure(read(client))).kind).toMatch(/^(Unavailable|Malformed|Rejected)$/);
  });

  it.each(broken)('leaves no token with anybody if it is a mint and %s', async (_n, handler) => {
    stub.handler = handler;
    const client = await stub.client({ requestTimeoutMilliseconds: 150 });
    expect((await failure(mint(client))).kind).toMatch(/^(Unavailable|Malformed|Rejected)$/);
  });

  it('may have been applied if its caller aborted it', async () => {
    const caller = new AbortController();
    stub.handler = () => caller.abort();
    const client = await stub.client();
    const call = client.replaceStatus(configMaps, object, { signal: caller.signal });
    expect((await failure(call)).kind).toBe('Ambiguous');
  });

  it('is not sent again when a kept connection turns out to be dead', async () => {
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ connections: 1 });
    await write(client);
    stub.handler = (request) => request.socket.destroy();
    expect((await failure(write(client))).kind).toBe('Ambiguous');
    expect(stub.requests).toHaveLength(2);
  });

  it('finds a new connection the next time', async () => {
    stub.handler = (request) => request.socket.destroy();
    const client = await stub.client({ connections: 1 });
    await failure(write(client));
    stub.handler = (_request, response) => answer(response, 200, object);
    expect(await write(client)).toEqual(object);
  });
});

async function closedPort(): Promise<number> {
  await using server = await listen(() => {});
  return server.port;
}

/** A server of TCP alone; when it ends, so do its connections. */
async function listen(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
