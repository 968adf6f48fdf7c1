/**
 * What a service may legally answer reaches the client as it was, over either protocol on either side, and is on record, in the
 * log and in the metrics as what it is.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import { openClient, type Received } from './agent.ts';
import { type Form, type FormService, startForms } from './forms.ts';
import { RunningSidecar } from './running-sidecar.ts';

const PROTOCOLS = ['h1', 'h2'] as const;
const nameOf = (protocol: string) => `${protocol}.example.com`;

let services: Record<'h1' | 'h2', FormService>;
let sidecar: RunningSidecar;

beforeAll(async () => {
  services = { h1: await startForms('h1', nameOf('h1')), h2: await startForms('h2', nameOf('h2')) };
  for (const protocol of PROTOCOLS) services[protocol].on('/next', NEXT);
  sidecar = await RunningSidecar.start({
    [`${nameOf('h1')}:443`]: services.h1.port,
    [`${nameOf('h2')}:443`]: services.h2.port,
  });
});

afterAll(async () => {
  await sidecar.stop();
  await Promise.all(PROTOCOLS.map((protocol) => services[protocol].close()));
});

const NEXT: Form = { headers: [['content-length', '4']], body: ['next'] };
const length = (bytes: number): HeaderPair => ['content-length', String(bytes)];
const HELLO = { headers: [length(5)], body: ['hello'] } as const satisfies Form;

interface Case extends Form {
  readonly name: string;
  /** What differs from what the service sent. */
  readonly received?: Partial<Received>;
  /** The only protocol of an upstream that it is asked of. */
  readonly from?: 'h1';
  /** With the credential of the call, headers that are not known are kept back. */
  readonly withCredential?: false;
}

const repeated = (...headers: [string, string][]): Pick<Form, 'headers' | 'body'> => ({
  headers: [...headers, length(5)],
  body: ['hello'],
});

const CASES: readonly Case[] = [
  { name: 'a body of known length', ...HELLO },
  {
    name: 'a body in pieces',
    headers: [length(10)],
    body: ['hello', 'world'],
    pauseMilliseconds: 5,
  },
  { name: 'a chunked body', framing: 'chunked', body: ['hello', 'world'], pauseMilliseconds: 5 },
  { name: 'a body that ends with the connection', framing: 'close', body: ['hello'] },
  { name: 'HTTP/1.0', version: '1.0', framing: 'close', body: ['hello'] },
  { name: 'HTTP/1.0 with a length', version: '1.0', ...HELLO, framing: 'close' },
  { name: 'an empty body', headers: [length(0)] },
  { name: 'an empty chunked body', framing: 'chunked' },
  { name: 'HEAD with a length', method: 'HEAD', headers: [length(5)] },
  { name: 'HEAD without a length', method: 'HEAD', headers: [['x-request-id', '1']] },
  {
    name: 'trailers, which are not passed on',
    framing: 'chunked',
    body: ['hello'],
    trailers: [['x-sum', '1']],
  },
  {
    name: 'Set-Cookie twice',
    ...repeated(['set-cookie', 'a=1; Path=/'], ['set-cookie', 'b=2']),
    withCredential: false,
  },
  {
    name: 'Link twice',
    from: 'h1',
    ...repeated(['link', '</a>; rel="next"'], ['x-request-id', '1'], ['link', '</b>']),
  },
  {
    name: 'WWW-Authenticate twice',
    from: 'h1',
    status: 401,
    ...repeated(['www-authenticate', 'Basic realm="a, b"'], ['www-authenticate', 'Bearer']),
  },
  {
    name: 'Via, Vary, Cache-Control and Warning twice',
    from: 'h1',
    ...repeated(
      ['via', '1.1 a'],
      ['vary', 'accept'],
      ['vary', 'origin'],
      ['via', '1.0 b'],
      ['cache-control', 'no-store'],
      ['cache-control', 'private'],
      ['warning', '110 - "a"'],
      ['warning', '111 - "b"'],
    ),
  },
  {
    name: 'headers twice that should be there once',
    from: 'h1',
    ...repeated(
      ['etag', '"1"'],
      ['etag', '"1"'],
      ['content-type', 'text/plain'],
      ['content-type', 'text/plain'],
      ['date', 'Mon, 30 Nov 2026 00:00:00 GMT'],
      ['date', 'Mon, 30 Nov 2026 00:00:01 GMT'],
      ['location', '/a'],
      ['location', '/b'],
      ['retry-after', '1'],
      ['retry-after', '2'],
      ['server', 'a'],
      ['server', 'b'],
    ),
  },
  { name: 'an empty header', ...repeated(['x-trace-id', ''], ['x-request-id', '1']) },
  {
    name: 'headers in Latin-1 and UTF-8',
    ...repeated(['x-version', 'caf\xe9'], ['x-powered-by', 'caf\xc3\xa9']),
  },
  { name: 'a header of 64 KiB', ...repeated(['link', 'x'.repeat(64 * 1024)]) },
  {
    name: 'headers of 112 KiB',
    ...repeated(
      ...Array.from({ length: 14 }, (_, i): [string, string] => [
        `x-ratelimit-${i}`,
        'x'.repeat(8 * 1024),
      ]),
    ),
  },
  {
    name: 'a thousand headers',
    from: 'h1',
    ...repeated(
      ...Array.from({ length: 1_000 }, (_, i): [string, string] => [`x-ratelimit-${i}`, String(i)]),
    ),
  },
  { name: '100 that nobody asked for', interim: [[100, []]], ...HELLO, received: { interim: [] } },
  { name: '102', interim: [[102, []]], ...HELLO, received: { interim: [] } },
  {
    name: 'early hints',
    interim: [[103, [['link', '</style.css>; rel=preload']]]],
    ...HELLO,
    received: { interim: [] },
  },
  { name: '199', interim: [[199, []]], ...HELLO, received: { interim: [] } },
  {
    name: 'many answers before the answer',
    interim: [100, 103, 100, 102, 199, 103, 103, 100].map(
      (status) => [status, [['x-interim', '1']]] as const,
    ),
    ...HELLO,
    received: { interim: [] },
  },
  { name: '100 before a chunked body', interim: [[100, []]], framing: 'chunked', body: ['hello'] },
  { name: '204', status: 204 },
  { name: '304 with a length', status: 304, headers: [length(5), ['etag', '"1"']] },
  { name: '304', status: 304, headers: [['etag', '"1"']] },
  { name: '205', status: 205, headers: [length(0)] },
  ...[
    201, 206, 207, 226, 299, 300, 303, 307, 399, 400, 407, 418, 421, 425, 451, 499, 500, 511, 520,
    530, 599,
  ].map((status) => ({ name: `status ${status}`, status, ...HELLO })),
];

/** What only HTTP/1 can say. */
const BYTES: readonly (Case & { bytes: string })[] = [
  ['no reason phrase', 'HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello'],
  ['an empty reason phrase', 'HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nhello'],
  ['a reason phrase in Latin-1', 'HTTP/1.1 200 Tr\xe8s bien\r\ncontent-length: 5\r\n\r\nhello'],
  ['a long reason phrase', `HTTP/1.1 200 ${'well '.repeat(200)}\r\ncontent-length: 5\r\n\r\nhello`],
  ['a tab in the reason phrase', 'HTTP/1.1 200 so\tso\r\ncontent-length: 5\r\n\r\nhello'],
  ['header names in odd case', 'HTTP/1.1 200 OK\r\nCONTENT-length: 5\r\n\r\nhello'],
  ['white space around values', 'HTTP/1.1 200 OK\r\nContent-Length:  5  \r\n\r\nhello'],
  ['no white space before values', 'HTTP/1.1 200 OK\r\nContent-Length:5\r\n\r\nhello'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
].map(([name = '', bytes = '']) => ({ name, bytes, ...HELLO }));
const CHUNKED: readonly (Case & { bytes: string })[] = [
  ['chunk extensions', '5;a=b;c="d"\r\nhello\r\n0;last\r\n\r\n'],
  ['chunk sizes in capitals and with zeros', '0005\r\nhello\r\n000\r\n\r\n'],
  ['a chunk a byte', '1\r\nh\r\n1\r\ne\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n'],
].map(([name = '', rest = '']) => ({
  name,
  bytes: `HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${rest}`,
  body: ['hello'],
}));
const TABLE = [...CASES, ...BYTES, ...CHUNKED].flatMap((form) =>
  PROTOCOLS.filter(
    (upstream) => upstream === 'h1' || (form.bytes === undefined && form.from !== 'h1'),
  ).flatMap((upstream) => PROTOCOLS.map((client) => ({ form, upstream, client }))),
);

let count = 0;

describe.each([true, false])('an answer (with a credential: %s)', (credential) => {
  const table = TABLE.filter(({ form }) => !credential || form.withCredential !== false).map(
    (row) => ({ ...row, name: row.form.name }),
  );
  it.each(table)('of $name reaches an $client client from an $upstream upstream', async (row) => {
    const { form, upstream, client } = row;
    const path = `/case-${count++}`;
    services[upstream].on(path, form);
    sidecar.lend(credential);
    const counted = await sidecar.refusals();
    const logged = sidecar.log.length;
    const agent = await openClient(client, sidecar, nameOf(upstream));
    let received: Received | undefined;
    const [finish] = await sidecar.finishesOf(1, async () => {
      received = await agent.call(form.method ?? 'GET', path);
    });
    const { status = 200, headers = [], body = [] } = form;
    expect(received).toEqual({
      interim: [],
      status,
      headers,
      body: body.join(''),
      trailers: [],
      ...form.received,
    });
    expect(finish).toMatchObject({
      outcome: status < 400 ? 'Succeeded' : 'Failed',
      responseCode: status,
    });
    // The connection serves the next call, and the client goes away right after it.
    await sidecar.finishesOf(1, async () => {
      expect(await agent.call('GET', '/next')).toMatchObject({ status: 200, body: 'next' });
      agent.close();
    });
    expect(sidecar.log.slice(logged)).toEqual([]);
    expect(await sidecar.refusals()).toEqual(counted);
  });
});
