import { describe, expect, it } from 'vitest';
import { HEADER_NAME, HEADER_VALUE } from '../../../../core/action/header-form.ts';
import {
  belongsToAction,
  FRAMING_HEADERS,
  STRIPPED_HEADERS,
} from '../../../../core/action/headers.ts';
import { INERT_HEADERS } from '../../../../core/action/inert-headers.ts';

describe('a header is treated in one way', () => {
  const all = [...INERT_HEADERS, ...STRIPPED_HEADERS, ...FRAMING_HEADERS];

  it('since no table names what another does', () => {
    expect(new Set(all).size).toBe(all.length);
  });

  it('and the tables hold names as they are compared', () => {
    for (const name of all) expect(name).toMatch(HEADER_NAME);
  });

  it.each([
    'x-dry-run',
    'if-match',
    'if-none-match',
    'x-http-method-override',
    'x-forwarded-for',
    'x-forwarded-host',
    'forwarded',
    'range',
    'prefer',
    'origin',
    'referer',
    'x-api-key',
    'impersonate-user',
    '__proto__',
    'constructor',
  ])('%s can have an effect, so it belongs to the action', (name) => {
    expect(belongsToAction(name)).toBe(true);
  });

  it.each(['authorization', 'cookie', 'host', 'content-length', 'user-agent', 'traceparent'])(
    '%s does not belong to the action',
    (name) => {
      expect(belongsToAction(name)).toBe(false);
    },
  );

  it('a name that the operator adds as inert does not belong to the action, credentials never do', () => {
    const inert = new Set(['x-team']);
    expect(belongsToAction('x-team', inert)).toBe(false);
    expect(belongsToAction('user-agent', inert)).toBe(true);
    expect(belongsToAction('authorization', inert)).toBe(false);
  });
});

describe('a header name', () => {
  it.each(['a', 'x-a', '0', "!#$%&'*+-.^_`|~"])('may be %s', (name) => {
    expect(name).toMatch(HEADER_NAME);
  });

  it.each(['', 'A', 'x a', 'x:', 'x\n', 'x\u0000', 'é', 'x,y', '(x)'])('may not be %j', (name) => {
    expect(name).not.toMatch(HEADER_NAME);
  });
});

describe('a header value', () => {
  it.each(['', 'a', 'a b', 'a\tb', '"a", b;c=1', '~'])('may be %j', (value) => {
    expect(value).toMatch(HEADER_VALUE);
  });

  it.each([' ', ' a', 'a ', '\ta', 'a\t', 'a\nb', 'a\r\nb', 'a\u0000', 'a\n', '\u007f', 'é', '€'])(
    'may not be %j',
    (value) => {
      expect(value).not.toMatch(HEADER_VALUE);
    },
  );

  it('is judged in time that grows with its length alone', () => {
    const start = performance.now();
    expect(`${' '.repeat(100_000)}\n`).not.toMatch(HEADER_VALUE);
    expect(`a${' '.repeat(100_000)}\n`).not.toMatch(HEADER_VALUE);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
