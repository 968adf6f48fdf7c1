import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { requestHeaders } from '../../../../sidecar/forward/request-headers.ts';
import type { HeaderPair } from '../../../../sidecar/forward/upstream.ts';

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
