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
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ]);
    expect(inert).toEqual([
      ['accept', '*/*'],
      ['x-corp-trace', 'a1'],
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ]);
    expect(significant).toEqual([]);
  });

  it('are left out when they are inert and not as their clients send them', () => {
    const { inert, significant } = read([
      ...['traceparent', 'caf\u00e9', 'X-Request-ID', 'a', 'X-Request-ID', 'b'],
      ...['User-Agent', 'soc/1 \u00e9', 'X-Corp-Trace', 'a'.repeat(1_025)],
    ]);
    expect(inert).toEqual([
      ['x-request-id', 'a'],
      ['user-agent', 'soc/1'],
    ]);
    expect(significant).toEqual([]);
  });

  it('are left out when they are inert and too many, but for those that the body needs', () => {
    const many = Array.from({ length: 100 }, () => ['Accept', `a/${'b'.repeat(100)}`]).flat();
    const { inert } = read([...many, 'Content-Type', 'a/b', 'Idempotency-Key', 'k']);
    expect(inert.slice(-2)).toEqual([
      ['content-type', 'a/b'],
      ['idempotency-key', 'k'],
    ]);
    expect(inert.flat().join('').length).toBeLessThanOrEqual(2_048);
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
    ['an empty Connection', ['Connection', '']],
    ['a connection option that is empty', ['Connection', 'close,, ,']],
    ['a connection option that nobody knows', ['Connection', 'x-dry-run']],
    ['a connection option that is no token', ['Connection', 'a b, "c"']],
    ['a connection option that names a header after it', ['Connection', 'X-Hop', 'X-Hop', '1']],
    ['a connection option that names a header before it', ['x-hop', '1', 'Connection', 'X-HOP']],
    ['several Connection headers', ['Connection', 'close', 'X-B', '1', 'Connection', 'X-A, x-b']],
    ['the option upgrade', ['Connection', 'keep-alive, Upgrade']],
    ['an offer of HTTP/2', ['Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', 'h2c']],
    ['the settings of such an offer', ['HTTP2-Settings', 'AAMAAABkAAQCAAAAAAIAAAAA']],
    ['an offer of TLS', ['Upgrade', 'TLS/1.2', 'Connection', 'Upgrade']],
    ['several offers', ['Upgrade', 'TLS/1.3, TLS/1.2,h2c, HTTP/2.0']],
    ['Keep-Alive', ['Keep-Alive', 'timeout=5']],
    ['TE: trailers', ['TE', 'trailers']],
    ['TE with transfer codings', ['TE', 'trailers, deflate;q=0.5, gzip']],
    ['TE twice', ['TE', 'trailers', 'TE', 'gzip']],
    ['announced trailers', ['Trailer', 'X-Checksum']],
    ['Proxy-Connection', ['Proxy-Connection', 'keep-alive']],
    ['an expectation of 100-continue', ['Expect', '100-Continue']],
  ])('are consumed when they are %s', (_, raw) => {
    const { inert, significant } = read(raw);
    expect([...inert, ...significant]).toEqual([]);
  });

  it('of the connection take nothing else with them, whatever they name', () => {
    const headers = read([
      ...['Connection', 'host, content-length, content-type, accept, authorization, te, x-a'],
      ...['Host', 'edr.example.com', 'Content-Length', '2', 'Content-Type', 'application/json'],
      ...['Accept', '*/*', 'X-A', '1', 'X-B', '2'],
    ]);
    expect(headers).toMatchObject({
      host: ['edr.example.com'],
      contentLength: ['2'],
      inert: [
        ['content-type', 'application/json'],
        ['accept', '*/*'],
      ],
      // What is not compared is not sent, either.
      significant: [['x-b', '2']],
    });
  });

  it.each([
    ['Upgrade', 'websocket', 'UpgradeRefused'],
    ['Mcp-Session-Id', '1', 'MCPNotSupported'],
  ])('that are refused are not let through by Connection: %s', (name, value, code) => {
    expect(refusal(() => read(['Connection', name, name, value]))).toMatchObject({ code });
  });

  it('may repeat where they are lists, and keep their order', () => {
    expect(read(['Accept', 'a/b', 'accept', 'c/d']).inert).toEqual([
      ['accept', 'a/b'],
      ['accept', 'c/d'],
    ]);
  });

  it.each<[string, string[], object]>([
    ['WebSocket', ['Upgrade', 'websocket'], { code: 'UpgradeRefused', field: 'upgrade' }],
    ['WebSocket after an offer', ['Upgrade', 'h2c, WebSocket'], { code: 'UpgradeRefused' }],
    ['SPDY', ['Upgrade', 'SPDY/3.1'], { code: 'UpgradeRefused' }],
    ["Docker's upgrade", ['Upgrade', 'tcp'], { code: 'UpgradeRefused' }],
    ['an upgrade that looks like an offer', ['Upgrade', 'h2c/x'], { code: 'UpgradeRefused' }],
    [
      'a content coding that nobody knows',
      ['Content-Encoding', 'gzip, curl-me'],
      { code: 'ContentEncodingRefused', field: 'content-encoding' },
    ],
    ['another expectation', ['Expect', '100-continue, x'], { code: 'ExpectationRefused' }],
    ['a repeated header', ['X-A', '1', 'x-a', '1'], { code: 'RequestAmbiguous', field: 'x-a' }],
    [
      'a repeated content type',
      ['Content-Type', 'a/b', 'Content-Type', 'a/b'],
      { code: 'RequestAmbiguous' },
    ],
    [
      'an idempotency key that is no key',
      ['Idempotency-Key', 'a b'],
      { code: 'HeaderRefused', field: 'idempotency-key' },
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
    ['Connection in HTTP/2', ['connection', 'close'], '2', { code: 'RequestMalformed' }],
    ['Keep-Alive in HTTP/2', ['keep-alive', 'timeout=5'], '2', { code: 'RequestMalformed' }],
  ])('are refused with %s', (_, raw, version, expected) => {
    expect(refusal(() => read(raw, version))).toMatchObject(expected);
  });

  it('may have an empty content type, which is none', () => {
    expect(read(['Content-Type', '']).contentType).toBeNull();
  });

  it('may have an expectation in HTTP/1.0, where it means nothing', () => {
    expect(read(['Expect', '100-continue'], '1.0').significant).toEqual([]);
  });

  it.each([
    ['gzip', ['gzip']],
    ['GZIP, br', ['gzip', 'br']],
    ['x-gzip', ['x-gzip']],
    ['zstd', ['zstd']],
    ['snappy', ['snappy']],
    ['identity', []],
    ['aws-chunked, identity,', ['aws-chunked']],
    ['amz-1.0', ['amz-1.0']],
    ['UTF-8', ['utf-8']],
  ])('say how the body is encoded: %s', (value, expected) => {
    const { inert, contentEncoding } = read(['Content-Encoding', value]);
    expect(contentEncoding).toEqual(expected);
    expect(inert).toEqual([['content-encoding', value]]);
  });

  it('cannot be let through by the chart when they are credentials or framing', () => {
    expect(read(['Authorization', 'x']).inert).toEqual([]);
    expect(read(['Upgrade', 'h2c']).inert).toEqual([]);
    expect(refusal(() => read(['Upgrade', 'x']))).toMatchObject({ code: 'UpgradeRefused' });
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
