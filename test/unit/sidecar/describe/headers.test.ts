import { describe, expect, it } from 'vitest';
import { readHeaders } from '../../../../sidecar/describe/headers.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { refusal } from './problem.ts';

const read = (rawHeaders: string[], httpVersion: RequestHead['httpVersion'] = '1.1') =>
  readHeaders({ httpVersion, rawHeaders }, new Set(['x-corp-trace', 'authorization', 'upgrade']));

describe('request headers', () => {
  it('pass as inert when they are on the list or the chart adds them', () => {
    const { inert, significant } = read([
      'Accept',
      '*/*',
      'X-Corp-Trace',
      'a1',
      'traceparent',
      '00-a-b-01',
    ]);
    expect(inert).toEqual([
      ['accept', '*/*'],
      ['x-corp-trace', 'a1'],
      ['traceparent', '00-a-b-01'],
    ]);
    expect(significant).toEqual([]);
  });

  it.each([
    'X-Dry-Run',
    'If-Match',
    'If-None-Match',
    'Range',
    'Prefer',
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Forwarded-For',
    'Forwarded',
    'X-Original-URL',
    'Origin',
    'Referer',
    'Api-Key',
    'Impersonate-User',
    'Content_Length',
  ])('belong to the action when they could have an effect: %s', (name) => {
    expect(read([name, '1']).significant).toEqual([[name.toLowerCase(), '1']]);
  });

  it.each(['Authorization', 'COOKIE', 'Proxy-Authorization', 'Proxy-Connection'])(
    "are dropped when they are the agent's own credentials, odd bytes or not: %s",
    (name) => {
      const { inert, significant } = read([name, 'caf\u00e9', name, 'again']);
      expect([...inert, ...significant]).toEqual([]);
    },
  );

  it.each<[string, string[]]>([
    ['connection options about our own connection', ['Connection', 'keep-alive, TE, close']],
    ['Keep-Alive', ['Keep-Alive', 'timeout=5']],
    ['TE: trailers', ['TE', 'trailers']],
    ['an expectation of 100-continue', ['Expect', '100-Continue']],
  ])('are consumed when they are %s', (_, raw) => {
    const { inert, significant } = read(raw);
    expect([...inert, ...significant]).toEqual([]);
  });

  it('may repeat where they are lists, and keep their order', () => {
    expect(read(['Accept', 'a/b', 'accept', 'c/d']).inert).toEqual([
      ['accept', 'a/b'],
      ['accept', 'c/d'],
    ]);
  });

  it.each<[string, string[], object]>([
    ['an upgrade', ['Upgrade', 'websocket'], { code: 'UpgradeRefused', field: 'upgrade' }],
    [
      'an upgrade named in Connection',
      ['Connection', 'keep-alive, Upgrade'],
      { code: 'UpgradeRefused' },
    ],
    ['HTTP2-Settings', ['HTTP2-Settings', 'AAMA'], { code: 'UpgradeRefused' }],
    ['an encoded body', ['Content-Encoding', 'gzip'], { code: 'ContentEncodingRefused' }],
    ['announced trailers', ['Trailer', 'X-A'], { code: 'HeaderRefused', field: 'trailer' }],
    [
      'an arbitrary connection option',
      ['Connection', 'x-dry-run'],
      { code: 'HeaderRefused', field: 'connection' },
    ],
    ['transfer codings', ['TE', 'trailers, deflate'], { code: 'HeaderRefused', field: 'te' }],
    ['another expectation', ['Expect', '100-continue, x'], { code: 'ExpectationRefused' }],
    ['a repeated header', ['X-A', '1', 'x-a', '1'], { code: 'RequestAmbiguous', field: 'x-a' }],
    [
      'a repeated content type',
      ['Content-Type', 'a/b', 'Content-Type', 'a/b'],
      { code: 'RequestAmbiguous' },
    ],
    [
      'a repeated idempotency key',
      ['Idempotency-Key', '1', 'Idempotency-Key', '2'],
      { code: 'RequestAmbiguous' },
    ],
    ['a space in a name', ['X A', '1'], { code: 'RequestMalformed', field: 'headers' }],
    ['a colon in a name', ['X:A', '1'], { code: 'RequestMalformed', field: 'headers' }],
    ['an empty name', ['', '1'], { code: 'RequestMalformed', field: 'headers' }],
    ['a Latin-1 value', ['X-A', '\u00e9'], { code: 'RequestMalformed', field: 'x-a' }],
    ['a control character', ['X-A', 'a\u0000b'], { code: 'RequestMalformed' }],
    ['a line break, as obs-fold leaves it', ['X-A', 'a\r\n b'], { code: 'RequestMalformed' }],
    ['white space around a value', ['X-A', ' a'], { code: 'RequestMalformed' }],
  ])('are refused with %s', (_, raw, expected) => {
    expect(refusal(() => read(raw))).toMatchObject(expected);
  });

  it.each<[string, string[], RequestHead['httpVersion'], object]>([
    ['100-continue in HTTP/1.0', ['Expect', '100-continue'], '1.0', { code: 'ExpectationRefused' }],
    ['Connection in HTTP/2', ['connection', 'close'], '2', { code: 'RequestMalformed' }],
    ['Keep-Alive in HTTP/2', ['keep-alive', 'timeout=5'], '2', { code: 'RequestMalformed' }],
  ])('are refused with %s', (_, raw, version, expected) => {
    expect(refusal(() => read(raw, version))).toMatchObject(expected);
  });

  it('cannot be let through by the chart when they are credentials or framing', () => {
    expect(read(['Authorization', 'x']).inert).toEqual([]);
    expect(refusal(() => read(['Upgrade', 'h2c']))).toMatchObject({ code: 'UpgradeRefused' });
  });
});

describe('a call of the Model Context Protocol', () => {
  it.each(['Mcp-Method', 'Mcp-Session-Id', 'MCP-Protocol-Version'])(
    'is known by its header %s and refused with a code of its own',
    (name) => {
      expect(refusal(() => read([name, 'x']))).toEqual({
        code: 'MCPNotSupported',
        field: name.toLowerCase(),
      });
    },
  );
});
