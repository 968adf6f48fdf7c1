/**
 * Whatever an agent or a service sends is read in time that grows with its length. Each text here is 256 KiB long: a reader that
 * takes quadratic time would need minutes for one, and a linear one takes milliseconds.
 */

import { describe, expect, it } from 'vitest';
import { withListsInOneSpelling } from '../../../core/action/list-headers.ts';
import { withOrderedSelectors } from '../../../core/action/selectors.ts';
import { escapeHidden, findHidden } from '../../../core/text/hidden.ts';
import { addressBytes } from '../../../core/text/ip-address.ts';
import { parseStrictJson } from '../../../core/text/json.ts';
import { textWithoutSecrets, withoutSecrets } from '../../../core/text/secret-json.ts';
import { withoutSecretPairs } from '../../../core/text/secret-pairs.ts';
import { withoutTokens } from '../../../core/text/secret-text.ts';
import { parseAuthority, parsePathAndQuery, parseUrl } from '../../../core/text/url.ts';
import { attemptedCall } from '../../../sidecar/describe/attempted.ts';
import { parseContentType } from '../../../sidecar/describe/content-type.ts';
import { requiredName } from '../../../sidecar/describe/field-selector.ts';
import { parseKubernetesQuery } from '../../../sidecar/describe/kubernetes-query.ts';
import { readHead } from '../../../sidecar/describe/read-head.ts';
import { guardResponseHead } from '../../../sidecar/forward/guard-response.ts';
import { requestHeaders } from '../../../sidecar/forward/request-headers.ts';
import { Caller } from '../../../sidecar/refuse/caller.ts';
import { protocolOf } from '../../../sidecar/refuse/protocols.ts';
import { LiveSecrets } from '../../../sidecar/scan/live-secrets.ts';
import { aProxiedHead } from './describe/heads.ts';

const LENGTH = 256 * 1024;
const lent = { credentialed: true, secrets: new LiveSecrets() };

/** What is said again and again, after a beginning and before an end that no pattern takes. */
const PUMPS = [
  ' ',
  '\t',
  ';',
  ' ;',
  ',',
  '.',
  '/',
  '%41',
  '"',
  '\\',
  '\\"',
  '=',
  ':',
  '[',
  'a',
  'a.',
  'a/',
  '-',
  'charset',
  'charset=',
  ';charset',
  ' ; charset = ',
  ';charset="',
  ';charset="\\',
  'a/b;c=d',
  'token="',
  '<token>',
  '<token ',
  'name: token\n',
  '?',
  '#',
  '&',
  '@',
  '\n',
  'key: ',
  'key=v ',
  'key=v&',
  '://',
  // Beginnings of tokens, of what callers are known by, and of selectors
  '-eyJaaaaaaaa',
  '-eyJaaaaaaaa.',
  '.eyJaaaaaaaa.aaaaaaaa',
  'sk-aaaaaaaa-',
  '-----BEGIN ',
  'Bearer ',
  'Basic a',
  'credential=',
  'credential=a/',
  '/@v/a',
  'aPassword',
  '\u202e',
  '\\,',
  'a in (b,',
];
const BEGINNINGS = ['', 'a', 'text/plain', 'https://'];

const texts = BEGINNINGS.flatMap((before) =>
  PUMPS.map((pump) => `${before}${pump.repeat(LENGTH / pump.length)}\u0001`),
);

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  accept: (text) => requestHeaders({ headers: [['accept', text]], body: null }, [['x', 'y']]),
  'the content type of a request': parseContentType,
  'a text with secrets': withoutSecretPairs,
  'the content type of an answer': (text) =>
    guardResponseHead(200, [['content-type', text.slice(0, -1)]], lent),
  'what an answer says of its connection': (text) =>
    guardResponseHead(200, [['connection', text.slice(0, -1)]], lent),
  'an authority': (text) => parseAuthority(text, 'host'),
  'a path': (text) => parsePathAndQuery(`/${text}`, 'target'),
  'a URL': (text) => parseUrl(text, 'target'),
  'an address': addressBytes,
  'a text that may hold tokens': withoutTokens,
  'a text that may hold settings': textWithoutSecrets,
  'a text with characters that nobody sees': (text) => [findHidden(text), escapeHidden(text)],
  'the name of a member': (text) =>
    withoutSecrets(parseStrictJson(JSON.stringify({ [text]: text }))),
  'a header that is a list': (text) => withListsInOneSpelling({ prefer: text, 'if-match': text }),
  'a selector': (text) => [
    withOrderedSelectors({ fieldSelector: text, labelSelector: text }),
    requiredName(text),
  ],
  'a query of the API server': (text) => parseKubernetesQuery(`?${text.slice(0, -1)}`),
  'who calls, by the target': (text) =>
    protocolOf(new Caller(readHead(aProxiedHead({ target: `${text}?` }), []), [])),
  'who calls, by the headers': (text) =>
    ['authorization', 'content-type', 'accept', 'user-agent', 'host'].map((name) =>
      protocolOf(
        new Caller(readHead(aProxiedHead({ rawHeaders: [name, `AWS4-${text}`] }), []), []),
      ),
    ),
  'the target of a call that is reported': (text) =>
    attemptedCall(readHead(aProxiedHead({ target: text }), [])),
};

describe('reading takes linear time', () => {
  it.each(Object.keys(READERS))(
    'of %s',
    (name) => {
      let read = 0;
      for (const text of texts) {
        try {
          READERS[name]?.(text);
        } catch {
          // A refusal is a reading, too.
        }
        read += 1;
      }
      expect(read).toBe(PUMPS.length * BEGINNINGS.length);
    },
    60_000,
  );

  it('of a list whose name is as long as a body', () => {
    const items: unknown[] = Array.from({ length: 20_000 }, (_, index) => (index % 2 ? 'a' : {}));
    const value = parseStrictJson(JSON.stringify({ [`${'aB'.repeat(LENGTH)}Password`]: items }));
    const start = performance.now();
    const [shown] = Object.values(withoutSecrets(value) as Record<string, unknown[]>);
    expect(shown?.slice(0, 2)).toEqual([{}, '[secret]']);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
