import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import {
  formatUrl,
  isIPv4,
  parseAuthority,
  parsePathAndQuery,
  parseUrl,
  printable,
} from '../../../../core/text/url.ts';

/** Why it is refused; fails if it is not, or with anything but TargetRefused for the field. */
function refusal(parse: (field: string) => unknown): string {
  try {
    parse('here');
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'TargetRefused' && error.field === 'here') {
      expect(error.detail).toMatch(/^here: .*\.$/);
      return error.detail;
    }
    throw error;
  }
  throw new Error('it was accepted');
}

describe('an authority', () => {
  it.each([
    ['example.com', 'example.com', null],
    ['EXAMPLE.Com:8443', 'example.com', 8443],
    ['a', 'a', null],
    ['_dmarc.example.com', '_dmarc.example.com', null],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', null],
    ['0x7f.example', '0x7f.example', null],
    ['1.2.3.4', '1.2.3.4', null],
    ['255.255.255.255:1', '255.255.255.255', 1],
    ['example.com:65535', 'example.com', 65535],
    ['[::1]', '[::1]', null],
    ['[0:0:0:0:0:0:0:1]:443', '[::1]', 443],
    ['[2001:DB8::A]', '[2001:db8::a]', null],
    ['[2001:db8:0:0:1:0:0:1]', '[2001:db8::1:0:0:1]', null],
    ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', null],
    ['example.com.', 'example.com', null],
    ['EXAMPLE.com.:8443', 'example.com', 8443],
    ['a.', 'a', null],
    [`${'a.'.repeat(126)}a.`, `${'a.'.repeat(126)}a`, null],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`, null],
  ])('%s is %s', (text, host, port) => {
    expect(parseAuthority(text, 'here')).toEqual({ host, port });
  });

  it.each([
    ['nothing', ''],
    ['only a port', ':443'],
    ['an empty port', 'example.com:'],
    ['port 0', 'example.com:0'],
    ['a port past 65535', 'example.com:65536'],
    ['a port with a leading zero', 'example.com:0443'],
    ['a port with a sign', 'example.com:+443'],
    ['a named port', 'example.com:https'],
    ['two ports', 'example.com:1:2'],
    ['user information', 'user@example.com'],
    ['user and password', 'user:pw@example.com'],
    ['an empty user', '@example.com'],
    ['two final dots', 'example.com..'],
    ['a final dot after the port', 'example.com:443.'],
    ['nothing but a dot', '.'],
    ['an address with a final dot', '127.0.0.1.'],
    ['an address in brackets with a final dot', '[::1].'],
    ['a name of 254 characters with a final dot', `${'a.'.repeat(126)}aa.`],
    ['a leading dot', '.example.com'],
    ['an empty label', 'example..com'],
    ['a label that starts with a hyphen', '-a.example'],
    ['a label that ends with a hyphen', 'a-.example'],
    ['a label of 64 characters', `${'a'.repeat(64)}.example`],
    ['a name of 254 characters', `${'a.'.repeat(126)}aa`],
    ['percent-encoding', 'ex%61mple.com'],
    ['an encoded dot', 'example%2ecom'],
    ['a letter that is not ASCII', 'bücher.example'],
    ['a fullwidth letter', 'example。com'],
    ['a soft hyphen', 'exam\u00adple.com'],
    ['a space', 'example .com'],
    ['a NUL', 'example.com\u0000.evil'],
    ['a line feed at the end', 'example.com\n'],
    ['a slash', 'example.com/'],
    ['a backslash', 'example.com\\'],
    ['a comma', 'a.example,b.example'],
    ['an address without brackets', '::1'],
    ['brackets around a name', '[example.com]'],
    ['an open bracket', '[::1'],
    ['text after the bracket', '[::1]x'],
    ['a zone', '[fe80::1%eth0]'],
    ['an encoded zone', '[fe80::1%25eth0]'],
    ['too many groups', '[1:2:3:4:5:6:7:8:9]'],
    ['two gaps', '[1::2::3]'],
    ['a future address', '[v1.a]'],
    ['brackets with nothing', '[]'],
  ])('with %s is refused', (_, text) => {
    refusal((field) => parseAuthority(text, field));
  });

  // CVE-2021-29922 and kin: every one is 127.0.0.1 or 1.2.3.4 to some parser.
  it.each([
    '2130706433',
    '0x7f000001',
    '0X7F000001',
    '017700000001',
    '127.1',
    '127.0.1',
    '0x7f.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '127.0.0.01',
    '127.0.0.0x1',
    '00000127.0.0.1',
    '127.0.0.256',
    '1.2.3.4.5',
    '256.0.0.1',
    '0',
    '0x',
    'example.0x',
    'example.1',
    '999999999999',
    '0x7f.1.',
    '2130706433.',
  ])('that spells an address as %s is refused', (text) => {
    refusal((field) => parseAuthority(text, field));
  });

  it('is an IPv4 address only with four numbers', () => {
    expect(isIPv4('0.0.0.0')).toBe(true);
    for (const text of ['1.2.3', '1.2.3.4.5', '1.2.3.04', '1.2.3.256', 'a.b.c.d', '']) {
      expect(isIPv4(text)).toBe(false);
    }
  });
});

describe('a path and query', () => {
  it.each([
    ['/', '/', ''],
    ['/a/b', '/a/b', ''],
    ['/a/', '/a/', ''],
    ['/a?', '/a', '?'],
    ['/a?b=c&d', '/a', '?b=c&d'],
    ['/a?b?c/d', '/a', '?b?c/d'],
    ['/a?x=//..//', '/a', '?x=//..//'],
    ['/a?x[]=%2F%2e%25', '/a', '?x[]=%2F%2e%25'],
    ["/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@", ''],
    ['/caf%C3%A9', '/caf%C3%A9', ''],
    ['/...', '/...', ''],
    ['/.well-known/x', '/.well-known/x', ''],
    ['/a..b', '/a..b', ''],
    // npm, GitLab, object stores, RabbitMQ, OData, Firebase.
    ['/@scope%2fname', '/@scope%2fname', ''],
    ['/%40scope%2Fname', '/%40scope%2Fname', ''],
    [
      '/api/v4/projects/group%2Fsub%2Fproject/repository/files/lib%2Fclass%2Erb',
      '/api/v4/projects/group%2Fsub%2Fproject/repository/files/lib%2Fclass%2Erb',
      '',
    ],
    ['/b/bucket/o/a%2Fb%2F%2Fc%20d?alt=media', '/b/bucket/o/a%2Fb%2F%2Fc%20d', '?alt=media'],
    ['/api/queues/%2F/jobs', '/api/queues/%2F/jobs', ''],
    ['/api/queues/%252F/jobs', '/api/queues/%252F/jobs', ''],
    ["/Items('a%2Fb')", "/Items('a%2Fb')", ''],
    ['/o/images%2Ffoo%2520bar.png', '/o/images%2Ffoo%2520bar.png', ''],
    ['/url/https%3A%2F%2Fexample.com%2F', '/url/https%3A%2F%2Fexample.com%2F', ''],
    ['/100%25', '/100%25', ''],
    ['/100%25zz', '/100%25zz', ''],
    ['/a%2Eb', '/a%2Eb', ''],
    ['/%2Egitignore', '/%2Egitignore', ''],
    ['/a%2F...', '/a%2F...', ''],
    ['/%2F', '/%2F', ''],
    ['/%3Bx%3Dy%3F%23', '/%3Bx%3Dy%3F%23', ''],
    ['/caf%E9', '/caf%E9', ''],
    // As fetch, Go and curl send them.
    ['/w?titles=A|B&f={a}^`b`', '/w', '?titles=A|B&f={a}^`b`'],
    ['/%E2%82%AC%F0%9F%98%80', '/%E2%82%AC%F0%9F%98%80', ''],
  ])('%s is kept byte for byte', (target, path, query) => {
    expect(parsePathAndQuery(target, 'here')).toEqual({ path, query });
  });

  it.each([
    ['nothing', ''],
    ['no slash', 'a'],
    ['an asterisk', '*'],
    ['a dot segment', '/a/./b'],
    ['a dot segment at the end', '/a/.'],
    ['two dots', '/a/../b'],
    ['two dots at the end', '/a/..'],
    ['two dots with parameters', '/a/..;x=1/b'],
    ['a dot with parameters', '/a/.;/b'],
    ['encoded dots', '/a/%2e%2e/b'],
    ['half-encoded dots', '/a/.%2E/b'],
    ['two dots between encoded slashes', '/a%2F..%2Fb'],
    ['two dots after an encoded slash', '/a%2f..'],
    ['two dots before an encoded slash', '/..%2Fb'],
    ['encoded dots between encoded slashes', '/a%2F%2E%2e%2Fb'],
    ['a dot after an encoded slash', '/a%2F./b'],
    ['two dots with encoded parameters', '/a/..%3Bx/b'],
    ['two dots with parameters after an encoded slash', '/a%2F..;x/b'],
    ['an encoded backslash', '/a%5cb'],
    ['a doubly encoded backslash', '/a%255cb'],
    ['a doubly encoded dot', '/a/%252e%252e/b'],
    ['dots encoded twice in another way', '/a/%25%32%65%25%32%65/b'],
    ['two dots between doubly encoded slashes', '/a%252F..%252Fb'],
    ['dots encoded three times', '/a/%25252e%25252e/b'],
    ['a letter encoded four times', '/a%2525252541'],
    ['a doubly encoded NUL', '/a%2500'],
    ['an overlong dot', '/%C0%AE%C0%AE/a'],
    ['an overlong slash', '/a%c0%afb'],
    ['an overlong slash of three bytes', '/a%E0%80%AFb'],
    ['an overlong slash of four bytes', '/a%F0%80%80%AFb'],
    ['a doubly encoded overlong slash', '/a%25c0%25afb'],
    ['an empty segment', '/a//b'],
    ['a path that starts with two slashes', '//evil.example/a'],
    ['a path that ends with two slashes', '/a//'],
    ['a backslash', '/a\\b'],
    ['a fragment', '/a#b'],
    ['a fragment after the query', '/a?b#c'],
    ['a space', '/a b'],
    ['a quotation mark', '/a"b'],
    ['braces', '/{a}'],
    ['a pipe', '/a|b'],
    ['a letter that is not ASCII', '/é'],
    ['an incomplete percent-encoding', '/a%2'],
    ['a wrong percent-encoding', '/a%zz'],
    ['an encoded NUL', '/a%00'],
    ['an encoded line feed', '/a%0ab'],
    ['an encoded DEL', '/a%7F'],
    ['an encoded line feed in the query', '/a?b=%0d%0a'],
    ['an encoded DEL in the query', '/a?%7f'],
    ['a space in the query', '/a?b c'],
    ['a backslash in the query', '/a?b\\c'],
    ['a quotation mark in the query', '/a?b="c"'],
    ['an angle bracket in the query', '/a?b=<c'],
    ['an incomplete percent-encoding in the query', '/a?b=%'],
    ['a line feed at the end', '/a\n'],
    ['a NUL', '/a\u0000'],
  ])('with %s is refused', (_, target) => {
    refusal((field) => parsePathAndQuery(target, field));
  });
});

describe('a URL', () => {
  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://EXAMPLE.com:443/A', 'https://example.com/A'],
    ['http://example.com:80/', 'http://example.com/'],
    ['http://example.com:443/', 'http://example.com:443/'],
    ['https://example.com:80/', 'https://example.com:80/'],
    ['https://example.com?a', 'https://example.com/?a'],
    ['https://[::0001]:443/', 'https://[::1]/'],
    ['https://example.com.:443/a%2Fb', 'https://example.com/a%2Fb'],
  ])('%s is written %s', (text, expected) => {
    expect(formatUrl(parseUrl(text, 'here'))).toBe(expected);
  });

  it.each([
    ['nothing', ''],
    ['no scheme', '//example.com/'],
    ['another scheme', 'ftp://example.com/'],
    ['a scheme in capitals', 'HTTPS://example.com/'],
    ['one slash', 'https:/example.com/'],
    ['backslashes', 'https:\\\\example.com\\'],
    ['a space before it', ' https://example.com/'],
    ['a tab inside', 'ht\ttps://example.com/'],
    ['no host', 'https:///a'],
    ['a fragment right after the host', 'https://example.com#a'],
    ['a backslash after the host', 'https://example.com\\@evil.example/'],
    ['user information', 'https://example.com@evil.example/'],
    ['a line feed in the path', 'https://example.com/a\nb'],
  ])('with %s is refused', (_, text) => {
    refusal((field) => parseUrl(text, field));
  });

  it('that is hostile is shown printable and bounded', () => {
    const detail = refusal((field) => parseUrl(`\u202e\u0007"${'x'.repeat(10_000)}`, field));
    expect(detail).toMatch(/^[\x20-\x7e]{1,250}$/);
  });
});

it('a path that is encoded many times over is refused in time that grows with its length alone', () => {
  const start = performance.now();
  refusal((field) => parsePathAndQuery(`/%${'25'.repeat(16_000)}`, field));
  expect(performance.now() - start).toBeLessThan(500);
});

it('hostile text becomes printable ASCII, bounded', () => {
  expect(printable('a\u0000b\u202ec\né')).toBe('a?b?c??');
  expect(printable('abc', 2)).toBe('ab...');
});

describe('for every URL', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);
  const host = fc.oneof(
    fc.array(name, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.webAuthority({ withIPv4Extended: true, withUserInfo: true, withPort: true }),
  );
  const port = fc.oneof(
    fc.constantFrom('', ':443', ':80', ':0', ':00443'),
    fc.integer({ min: 1, max: 70_000 }).map((p) => `:${p}`),
  );
  const part = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9\-._~!$&'()*+,;=:@%/?#[\]\\{|}^`]{0,12}$/),
    fc.constantFrom('..', '.', '%2e', '%2F', '%C3%A9', '//', '?', '#', ';', ' ', '\u0000', 'é'),
    fc.constantFrom('..%2F', '%2f.', '%252e%252e', '%5C', '%25', '%3b', '%c0%ae'),
  );
  const url = fc
    .tuple(
      fc.constantFrom('https://', 'http://', 'https:/', 'HTTPS://'),
      host,
      port,
      fc
        .array(part, { maxLength: 4 })
        .map((parts) => (parts.length === 0 ? '' : `/${parts.join('/')}`)),
    )
    .map((parts) => parts.join(''));

  /** The parsed URL, or undefined if it was refused. */
  function tryParse(text: string) {
    try {
      return parseUrl(text, 'here');
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'TargetRefused') return undefined;
      throw error;
    }
  }

  it('what is accepted is written byte for byte, but for host case, default port and the root slash', () => {
    let accepted = 0;
    fc.assert(
      fc.property(url, (text) => {
        const parsed = tryParse(text);
        if (parsed === undefined) return;
        accepted++;
        const written = formatUrl(parsed);
        expect(tryParse(written)).toEqual(parsed);
        const [, scheme = '', authority = '', rest = ''] =
          /^([a-z]+:\/\/)([^/?]*)(.*)$/s.exec(text) ?? [];
        const bare = authority.toLowerCase().replace(scheme === 'https://' ? /:443$/ : /:80$/, '');
        const expected = bare.startsWith('[')
          ? undefined
          : scheme + bare + (rest.startsWith('/') ? rest : `/${rest}`);
        if (expected !== undefined) expect(written).toBe(expected);
        else expect(written.endsWith(rest)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it('what is accepted has one meaning: WHATWG URL reads the same host, port, path and query', () => {
    let accepted = 0;
    fc.assert(
      fc.property(url, (text) => {
        const parsed = tryParse(text);
        if (parsed === undefined) return;
        accepted++;
        const other = new URL(text);
        expect(other.hostname).toBe(parsed.host);
        expect(Number(other.port || (parsed.scheme === 'https' ? 443 : 80))).toBe(parsed.port);
        expect(other.pathname).toBe(parsed.path);
        // WHATWG percent-encodes an apostrophe in the query of http and https URLs, and drops a bare question mark.
        expect(other.search).toBe(parsed.query.replaceAll("'", '%27').replace(/^\?$/, ''));
        expect(`${other.username}${other.password}${other.hash}`).toBe('');
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });
});
