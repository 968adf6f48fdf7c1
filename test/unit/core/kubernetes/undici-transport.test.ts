import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServerAccess } from '../../../../core/kubernetes/server.ts';
import type { Transport, TransportRequest } from '../../../../core/kubernetes/transport.ts';
import { createTransport } from '../../../../core/kubernetes/undici-transport.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer } from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let clock: FakeClock;
let transports: Transport[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  transports = [];
});
afterEach(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  await stub[Symbol.asyncDispose]();
});

const aTransport = (access: Partial<ServerAccess> = {}) => {
  const transport = createTransport({
    readAccess: async () => ({
      origin: `https://127.0.0.1:${stub.port}`,
      basePath: '',
      tls: { ca: readFileSync(join(stub.directory, 'ca.crt')) },
      headers: { authorization: 'Bearer t' },
      ...access,
    }),
    userAgent: 'test/0',
    clock,
    connections: 2,
  });
  transports.push(transport);
  return transport;
};
const requestOf = (change: Partial<TransportRequest> = {}): TransportRequest => ({
  method: 'GET',
  path: '/version',
  timeoutMilliseconds: 1_000,
  ...change,
});

describe('a request', () => {
  test('carries the credentials, the agent and the path that precedes all others', async () => {
    stub.handler = (_request, response) => answer(response, 200, { ok: true });
    const transport = aTransport({ basePath: '/k8s/c-1' });
    const { status, body } = await transport.request(requestOf());
    expect({ status, body }).toEqual({ status: 200, body: '{"ok":true}' });
    const [{ path, headers } = {}] = stub.requests;
    expect(path).toBe('/k8s/c-1/version');
    expect(headers).toMatchObject({
      authorization: 'Bearer t',
      'user-agent': 'test/0',
      accept: 'application/json, application/jwk-set+json',
    });
    expect(headers?.['content-type']).toBeUndefined();
  });

  test.each([
    [undefined, 'application/json'],
    ['application/merge-patch+json', 'application/merge-patch+json'],
  ])('with a body of type %s says %s', async (contentType, expected) => {
    stub.handler = (_request, response) => answer(response, 200, {});
    const change = contentType === undefined ? {} : { contentType };
    await aTransport().request(requestOf({ method: 'PATCH', body: '{}', ...change }));
    expect(stub.requests[0]?.headers['content-type']).toBe(expected);
    expect(stub.requests[0]?.body).toBe('{}');
  });
});

describe('a stream', () => {
  /** A server that begins an answer and goes on only when it is told. */
  const begin = (body: string) => {
    const begun = Promise.withResolvers<{ more: (text: string) => void; end: () => void }>();
    stub.handler = (_request, response) => {
      response.writeHead(200).write(body);
      begun.resolve({ more: (text) => response.write(text), end: () => response.end() });
    };
    return begun.promise;
  };
  const textOf = async (body: AsyncIterable<Buffer>) => {
    let text = '';
    for await (const chunk of body) text += chunk.toString();
    return text;
  };

  test('comes as it is sent, long after the time for its head', async () => {
    const begun = begin('one\n');
    const { status, body } = await aTransport().stream(requestOf());
    const { more, end } = await begun;
    await clock.advance(600_000);
    more('two\n');
    end();
    expect({ status, text: await textOf(body) }).toEqual({ status: 200, text: 'one\ntwo\n' });
  });

  test('ends with its signal', async () => {
    const begun = begin('one\n');
    const gone = new AbortController();
    const { body } = await aTransport().stream(requestOf({ signal: gone.signal }));
    await begun;
    gone.abort();
    await expect(textOf(body)).rejects.toThrow();
  });

  test('whose head does not come in time is an error', async () => {
    const arrived = Promise.withResolvers<void>();
    stub.handler = () => arrived.resolve();
    const opened = aTransport().stream(requestOf());
    const refused = expect(opened).rejects.toMatchObject({
      message: 'no answer in time',
      aborted: false,
    });
    await arrived.promise;
    await clock.advance(1_000);
    await refused;
  });

  test('that is aborted before its head says so', async () => {
    const arrived = Promise.withResolvers<void>();
    stub.handler = () => arrived.resolve();
    const gone = new AbortController();
    const opened = aTransport().stream(requestOf({ signal: gone.signal }));
    const refused = expect(opened).rejects.toMatchObject({ aborted: true });
    await arrived.promise;
    gone.abort();
    await refused;
  });

  test('is cut when the client closes, and nothing is sent after that', async () => {
    const begun = begin('one\n');
    const transport = aTransport();
    const { body } = await transport.stream(requestOf());
    await begun;
    await transport.close();
    await expect(textOf(body)).rejects.toThrow();
    await expect(transport.request(requestOf())).rejects.toMatchObject({ sent: false });
    expect(stub.requests).toHaveLength(1);
  });
});
