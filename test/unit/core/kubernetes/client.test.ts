import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesClient } from '../../../../core/kubernetes/client.ts';
import { KubernetesError } from '../../../../core/kubernetes/error.ts';
import { configMaps, secrets } from '../../../../core/kubernetes/resources.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { createAuthority } from '../../../support/pki.ts';
import {
  answer,
  StubApiServer,
  type StubHandler,
  status,
} from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

const reference = { namespace: 'soc', name: 'a' };
const metadata = { ...reference, uid: 'u1', resourceVersion: '7' };
const object = { metadata, data: { key: 'value' } };

const read = (client: KubernetesClient) => client.get(configMaps, reference);
const write = (client: KubernetesClient) => client.replaceStatus(configMaps, object);
const mint = (client: KubernetesClient) => client.tokenRequest(reference, { audiences: ['a'] });

/** How the call failed; fails if it didn't. */
async function failure(call: Promise<unknown>): Promise<KubernetesError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof KubernetesError) return error;
  throw error;
}

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
    const { server, port } = await listen((socket) => socket.destroy());
    const client = await stub.client({
      server: { type: 'InCluster', host: '127.0.0.1', port, directory: stub.directory },
    });
    expect((await failure(write(client))).kind).toBe('Unavailable');
    server.close();
  });

  it('met a server that never finished TLS', async () => {
    const { server, port } = await listen(() => {});
    const client = await stub.client({
      server: { type: 'InCluster', host: '127.0.0.1', port, directory: stub.directory },
      requestTimeoutMilliseconds: 100,
    });
    expect((await failure(write(client))).kind).toBe('Unavailable');
    server.close();
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

describe('the text of an error', () => {
  it('is never a body that is no Status', async () => {
    stub.handler = (_request, response) => response.writeHead(502).end('secret of a proxy');
    const error = await failure(write(await stub.client()));
    expect(error.message).toBe('HTTP 502 without a Status');
  });

  it('is bounded, printable and without tokens', async () => {
    const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln';
    const message = `bad\u0000 \u202e${jwt} ${'x'.repeat(5000)}`;
    stub.handler = (_request, response) => answer(response, 422, status(422, 'Invalid', message));
    const error = await failure(write(await stub.client()));
    expect(error.message.length).toBeLessThanOrEqual(512);
    expect(error.message).toMatch(/^bad \[redacted\] x+…$/);
  });
});

describe('delete', () => {
  const uid = '11111111-1111-4111-8111-111111111111';
  const other = '22222222-2222-4222-8222-222222222222';
  const conflict = (message: string) => status(409, 'Conflict', message);
  const precondition = `Operation cannot be fulfilled on secrets "a": Precondition failed: UID in precondition: ${uid}, UID in object meta: `;

  const record = (found: string) =>
    `Operation cannot be fulfilled on Secret "a": the UID in the precondition (${uid}) does not match the UID in record (${found}). The object might have been deleted and then recreated`;

  it.each([
    [200, { kind: 'Status', status: 'Success' }, 'deleted'],
    [404, status(404, 'NotFound'), 'notFound'],
    [409, conflict(precondition + other), 'uidMismatch'],
    [409, conflict(record(other)), 'uidMismatch'],
    [200, { kind: 'Secret', metadata: { ...metadata, deletionTimestamp: 'x' } }, 'terminating'],
    [202, { kind: 'Secret', metadata }, 'terminating'],
    [200, { kind: 'Status', status: 'Failure' }, 'terminating'],
  ])('answered %i %j is %s', async (code, body, result) => {
    stub.handler = (_request, response) => answer(response, code, body);
    expect(await (await stub.client()).delete(secrets, reference, { uid })).toBe(result);
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      apiVersion: 'meta/v1',
      kind: 'DeleteOptions',
      preconditions: { uid },
    });
  });

  it.each([
    ['of another kind', 'the object is being deleted'],
    ['that names another precondition', precondition.replace(uid, other) + uid],
    ['that names the same UID', precondition + uid],
    ['that finds the same UID', record(uid)],
    ['that goes on after the UID', `${precondition}${other} or so`],
  ])('takes a conflict %s for no deletion', async (_name, message) => {
    stub.handler = (_request, response) => answer(response, 409, conflict(message));
    const error = await failure((await stub.client()).delete(secrets, reference, { uid }));
    expect(error.kind).toBe('Conflict');
  });

  it('never becomes the deletion of a collection', async () => {
    const client = await stub.client();
    for (const name of ['', '.', '..']) {
      const error = await failure(client.delete(secrets, { namespace: 'soc', name }));
      expect(error.kind).toBe('BadRequest');
    }
    expect((await failure(client.delete(secrets, { name: 'a' }))).kind).toBe('BadRequest');
    expect(stub.requests).toHaveLength(0);
  });
});

describe('requests', () => {
  it('name the resource, the namespace and the subresource, and encode what they are given', async () => {
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client();
    await client.get(configMaps, { namespace: 'soc', name: 'a/b?c' });
    await client.replaceStatus(configMaps, object);
    await client.patch(
      configMaps,
      reference,
      { type: 'Apply', body: {}, force: true },
      {
        fieldManager: 'me',
        dryRun: true,
      },
    );
    expect(stub.requests.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/soc/configmaps/a%2Fb%3Fc',
      '/api/v1/namespaces/soc/configmaps/a/status',
      '/api/v1/namespaces/soc/configmaps/a',
    ]);
    const [, put, patch] = stub.requests;
    expect(JSON.parse(put?.body ?? '')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(Object.fromEntries(patch?.query ?? [])).toEqual({
      dryRun: 'All',
      fieldManager: 'me',
      force: 'true',
    });
    expect(patch?.headers).toMatchObject({
      'content-type': 'application/apply-patch+yaml',
      'user-agent': 'actiongrant-test/0',
      authorization: 'Bearer token-1',
    });
  });

  it('share kept connections', async () => {
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ connections: 3 });
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 10 }, () => read(client)));
    }
    expect(stub.requests).toHaveLength(50);
    expect(stub.connections).toBeLessThanOrEqual(3);
  });

  it('fill in the kind that items of a list lack', async () => {
    stub.handler = (_request, response) =>
      answer(response, 200, { metadata: { resourceVersion: '9' }, items: [object] });
    const { items } = await (await stub.client()).list(configMaps);
    expect(items).toEqual([{ apiVersion: 'v1', kind: 'ConfigMap', ...object }]);
  });
});

describe('credentials', () => {
  it('that cannot be read are told at once', async () => {
    const server = {
      type: 'InCluster',
      host: '127.0.0.1',
      port: stub.port,
      directory: '/nonexistent',
    } as const;
    await expect(stub.client({ server })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('with a CA that is none are told at once, without what the file holds', async () => {
    stub.writeCa('what-the-file-holds');
    const error: unknown = await stub.client().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CA_NOT_PEM' });
    expect(String(error)).not.toContain('what-the-file-holds');
  });

  it('are read again after a minute', async () => {
    const clock = new FakeClock();
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ clock });
    await read(client);
    stub.writeToken('token-2');
    await clock.advance(59_000);
    await read(client);
    await clock.advance(2_000);
    await eventually(async () => {
      await read(client);
      expect(stub.requests.at(-1)?.headers.authorization).toBe('Bearer token-2');
    });
    expect(stub.requests[1]?.headers.authorization).toBe('Bearer token-1');
    expect(stub.connections).toBe(1);
  });

  it('are read again at once when they are refused', async () => {
    const clock = new FakeClock();
    stub.handler = (_request, response) => answer(response, 401, status(401, 'Unauthorized'));
    const client = await stub.client({ clock });
    await failure(read(client));
    stub.writeToken('token-2');
    await clock.advance(1_000);
    stub.handler = (_request, response) => answer(response, 200, object);
    await read(client);
    expect(stub.requests.at(-1)?.headers.authorization).toBe('Bearer token-2');
  });

  it('stay in use while the file cannot be read', async () => {
    const clock = new FakeClock();
    stub.handler = (_request, response) => answer(response, 200, object);
    const client = await stub.client({ clock });
    await read(client);
    stub.writeCa('');
    await clock.advance(120_000);
    await read(client);
    expect(stub.requests.at(-1)?.headers.authorization).toBe('Bearer token-1');
  });
});

async function closedPort(): Promise<number> {
  const { server, port } = await listen(() => {});
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(
  onConnection: (socket: import('node:net').Socket) => void,
): Promise<{ server: Server; port: number }> {
  const server = createServer(onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}
