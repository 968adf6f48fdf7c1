import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/text/sha256.ts';
import type { RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead, anH2Head, aProxiedHead, CONTEXT, describeHead } from './heads.ts';
import { refusal } from './problem.ts';

function http(head: RequestHead) {
  const described = describeHead(head, CONTEXT);
  if (described.kind !== 'http') throw new Error(described.kind);
  return described;
}

describe('a call to a host', () => {
  it('is its method, its URL and the headers that could have an effect', () => {
    const described = http(
      aHead({
        method: 'POST',
        target: '/v1/hosts/host-7/quarantine?force=true',
        headers: {
          'User-Agent': 'soc/1',
          Authorization: 'Bearer stolen',
          'If-Match': '"7"',
          'Content-Type': 'application/json',
          'Content-Length': '2',
        },
      }),
    );
    expect(described).toEqual({
      kind: 'http',
      action: {
        type: 'HTTP',
        method: 'POST',
        url: 'https://edr.example.com/v1/hosts/host-7/quarantine?force=true',
        headers: { 'if-match': '"7"' },
      },
      upstream: {
        scheme: 'https',
        host: 'edr.example.com',
        port: 443,
        method: 'POST',
        path: '/v1/hosts/host-7/quarantine?force=true',
        headers: [
          ['user-agent', 'soc/1'],
          ['content-type', 'application/json'],
          ['if-match', '"7"'],
        ],
      },
      body: { kind: 'length', bytes: 2 },
      json: 'json',
    });
  });

  it.each<[string, RequestHead, string]>([
    ['without the default port', aHead(), 'https://edr.example.com/'],
    [
      'with any other port',
      aHead({ connectAuthority: 'edr.example.com:8443' }),
      'https://edr.example.com:8443/',
    ],
    [
      'with the host in small letters',
      aHead({ connectAuthority: 'EDR.Example.COM:443' }),
      'https://edr.example.com/',
    ],
    ['in the clear', aProxiedHead(), 'http://edr.example.com/'],
    ['the same over HTTP/2', anH2Head({ target: '/a' }), 'https://edr.example.com/a'],
    ['with an empty query', aHead({ target: '/a?' }), 'https://edr.example.com/a?'],
    [
      'with every percent-encoding as it came',
      aHead({ target: '/@scope%2fname/%2F%40%3A%20%25' }),
      'https://edr.example.com/@scope%2fname/%2F%40%3A%20%25',
    ],
  ])('has its URL %s', (_, head, url) => {
    expect(http(head).action.url).toBe(url);
  });

  it('has a header __proto__ like any other', () => {
    const { action } = http(aHead({ rawHeaders: ['Host', 'edr.example.com', '__proto__', 'x'] }));
    expect(Object.entries(action.headers)).toEqual([['__proto__', 'x']]);
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND'])(
    'may have the method %s',
    (method) => {
      expect(http(aHead({ method })).action.method).toBe(method);
    },
  );

  it.each([
    'get',
    'Post',
    'CONNECT',
    'TRACE',
    'TRACK',
    'FOO',
    'PRI',
    'SOURCE',
    'DESCRIBE',
    '',
    'GET ',
  ])('is refused with the method "%s"', (method) => {
    expect(refusal(() => http(aHead({ method })))).toEqual({
      code: 'MethodRefused',
      field: 'method',
    });
  });
});

it("an agent's key takes part by its digest, and goes to the service as it is", () => {
  const { action, upstream } = http(
    aHead({ target: '/v1?key=hunter2&n=1', headers: { 'X-API-Key': 'hunter2' } }),
  );
  expect(JSON.stringify(action)).not.toContain('hunter2');
  expect(action.url).toBe(
    `https://edr.example.com/v1?key=secret:sha256:${sha256Hex('hunter2')}&n=1`,
  );
  expect(action.headers['x-api-key']).toBe(`secret:sha256:${sha256Hex('hunter2')}`);
  expect(upstream.path).toBe('/v1?key=hunter2&n=1');
  expect(upstream.headers).toContainEqual(['x-api-key', 'hunter2']);
});
