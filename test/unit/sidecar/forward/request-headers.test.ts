import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import { requestHeaders } from '../../../../sidecar/forward/request-headers.ts';
import { startsUpstreams } from './forwarders.ts';
import { aRequest, credentialed, options, read, TOKEN } from './upstreams.ts';

const { start } = startsUpstreams();

const carriers = [['x-api-key', 'k']] as const;
const streamed = () => Readable.from(['x']);

describe('the headers of a request to an upstream', () => {
  it('are those that were given, in their order and their spelling', () => {
    const headers: HeaderPair[] = [
      ['X-Case', 'Kept'],
      ['x-twice', '1'],
      ['x-twice', '2'],
    ];
    expect(requestHeaders({ headers, body: null }, null)).toEqual(headers.flat());
  });

  it.each([
    'Connection',
    'expect',
    'host',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ])('are without %s, which belongs to the connection', (name) => {
    const headers: HeaderPair[] = [[name, 'x']];
    expect(requestHeaders({ headers, body: null }, null)).toEqual([]);
    expect(requestHeaders({ headers, body: streamed() }, carriers)).not.toContain(name);
  });

  it.each([
    [
      'have the length that was given, if the body is streamed',
      streamed(),
      ['Content-Length', '1'],
    ],
    ['leave the length of a body that is here to undici', Buffer.from('x'), []],
    ['have no length without a body', null, []],
  ])('%s', (_, body, expected) => {
    const headers: HeaderPair[] = [['Content-Length', '1']];
    expect(requestHeaders({ headers, body }, null)).toEqual(expected);
  });
});

describe('with a credential', () => {
  it.each(['accept-charset', 'Accept-Encoding', 'Authorization', 'X-API-Key'])(
    'what the agent says as %s is not sent',
    (name) => {
      const headers: HeaderPair[] = [[name, 'of the agent']];
      expect(requestHeaders({ headers, body: null }, carriers)).toEqual([
        'accept-encoding',
        'identity',
        'x-api-key',
        'k',
      ]);
    },
  );

  it.each([
    ['gzip, deflate, br, zstd', 'gzip, deflate'],
    ['br;q=1.0, GZIP;q=0.8, *;q=0.1', 'GZIP;q=0.8'],
    ['br', 'identity'],
    ['*', 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
  ])(
    'without one, the answer is in codings that can be looked into: %s becomes %s',
    (accepted, sent) => {
      const headers: HeaderPair[] = [['accept-encoding', accepted]];
      expect(requestHeaders({ headers, body: null }, null)).toEqual(['accept-encoding', sent]);
    },
  );

  it.each(['accept-charset', 'Authorization', 'X-API-Key'])(
    'without one, what the agent says as %s is sent',
    (name) => {
      const headers: HeaderPair[] = [[name, 'of the agent']];
      expect(requestHeaders({ headers, body: null }, null)).toEqual([name, 'of the agent']);
    },
  );

  it.each([
    ['application/json;charset=utf-16, */*', 'application/json, */*'],
    ['text/plain; Charset="utf-16le";q=0.5', 'text/plain;q=0.5'],
    ['text/html', 'text/html'],
    // It cannot be taken out, so no media type is asked for.
    ['application/json;charset="ut\\f-16"', '*/*'],
  ])('the agent does not choose a charset: %s becomes %s', (accept, sent) => {
    const headers: HeaderPair[] = [['accept', accept]];
    expect(requestHeaders({ headers, body: null }, carriers).slice(0, 2)).toEqual(['accept', sent]);
    expect(requestHeaders({ headers, body: null }, null)).toEqual(['accept', accept]);
  });
});

describe.each(['h1', 'h2'] as const)('a round trip to an %s upstream', (protocol) => {
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
});
