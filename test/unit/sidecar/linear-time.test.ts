/**
 * Whatever an agent or a service sends is read in time that grows with its length. Each text here is 256 KiB long: a reader that
 * takes quadratic time would need minutes for one, and a linear one takes milliseconds.
 */

import { describe, expect, it } from 'vitest';
import { addressBytes } from '../../../core/text/ip-address.ts';
import { withoutSecretPairs } from '../../../core/text/secret-pairs.ts';
import { parseAuthority, parsePathAndQuery, parseUrl } from '../../../core/text/url.ts';
import { attemptedCall } from '../../../sidecar/describe/attempted.ts';
import { parseContentType } from '../../../sidecar/describe/content-type.ts';
import { readHead } from '../../../sidecar/describe/read-head.ts';
import { guardResponseHead } from '../../../sidecar/forward/guard-response.ts';
import { requestHeaders } from '../../../sidecar/forward/request-headers.ts';
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
});
