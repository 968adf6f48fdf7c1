/** How an answer's body is written, and whether the scanner reads that. */

import type { HeaderPair } from '../../core/text/header-pair.ts';

/**
 * Those that are looked into, by name: what they keep of a stream is 32 KiB, where Brotli and Zstandard may ask for
 * megabytes, a thousand times over.
 */
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
]);

export type Coding = 'gzip' | 'deflate';

/** What says how the messages within a body are encoded: gRPC over HTTP2 and gRPC-Web, streams of Connect. */
const MESSAGE_CODINGS: ReadonlySet<string> = new Set(['connect-content-encoding', 'grpc-encoding']);

/** What an answer's headers say of its body: as it is, in a coding that is looked into, or in a form that is not. */
export function codingOf(headers: readonly HeaderPair[]): Coding | 'identity' | 'opaque' {
  if (headers.some(([name, value]) => name === 'content-type' && !isScannable(value))) {
    return 'opaque';
  }
  if (headers.some(hasEncodedMessages)) return 'opaque';
  const codings = headers
    .filter(([name]) => name === 'content-encoding')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const [only, ...more] = codings;
  if (only === undefined) return 'identity';
  // A part of an encoded body cannot be decoded (RFC 9110 14.4).
  const isPart = headers.some(([name]) => name === 'content-range');
  return more.length > 0 || isPart ? 'opaque' : (CODINGS.get(only) ?? 'opaque');
}

/** Of what a client accepts (RFC 9110 12.5.3), the codings that are looked into. */
export function readableCodings(accepted: string): string {
  const all = accepted.split(',');
  const readable = all.filter((element) => {
    const [coding = ''] = element.split(';');
    return CODINGS.has(coding.trim().toLowerCase());
  });
  if (readable.length === all.length) return accepted;
  return readable.map((element) => element.trim()).join(', ') || 'identity';
}

/** Whether messages within the body are encoded one by one: nothing here looks into those. */
function hasEncodedMessages([name, value]: HeaderPair): boolean {
  return MESSAGE_CODINGS.has(name) && !isIdentity(value);
}

function isIdentity(value: string): boolean {
  return value.split(',').every((coding) => ['', 'identity'].includes(coding.trim().toLowerCase()));
}

/** Charsets that write ASCII, and so every credential, as ASCII does (WHATWG Encoding; not UTF-16, UTF-32, UTF-7 or EBCDIC). */
const LEGIBLE =
  /^(?:utf-?8|(?:us-)?ascii|iso[-_]?8859-\d{1,2}|latin-?\d|windows-125\d|cp-?125\d|koi8-[ru]|gbk?|gb2312|gb18030|big5|shift[-_]jis|euc-(?:jp|kr))$/i;

/** Those that write it with zero bytes in between, which the scanner leaves out. */
const WIDE = /^(?:utf-?(?:16|32)(?:le|be)?|(?:iso-10646-)?ucs-?[24]|unicode)$/i;

/** Whether the scanner finds a credential in text of this type. */
function isScannable(contentType: string): boolean {
  return charsetsOf(contentType).every((charset) => LEGIBLE.test(charset) || WIDE.test(charset));
}

function charsetsOf(contentType: string): string[] {
  const charsets = contentType.matchAll(/charset\s*=\s*["']?([^\s"',;]*)/gi);
  return [...charsets].map(([, charset]) => charset ?? '');
}
