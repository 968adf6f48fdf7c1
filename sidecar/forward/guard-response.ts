/** Decides which part of an upstream's answer may reach the agent. */

import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { LiveSecrets } from '../scan/live-secrets.ts';
import { isClean } from '../scan/secret-scanner.ts';
import { mayReachAgent } from './answer-headers.ts';
import { ForwardError } from './error.ts';

/** RFC 9110 7.6.1, and those that offer the client another way to the upstream, past us (RFC 7838). */
const NEVER_PASSED: ReadonlySet<string> = new Set([
  'alt-svc',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** RFC 9110 5.5, with obs-text: what our side can write again. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** What says how a body is encoded: RFC 9110 8.4, gRPC over HTTP2 and gRPC-Web, streams of Connect. */
const BODY_CODINGS: ReadonlySet<string> = new Set([
  'connect-content-encoding',
  'content-encoding',
  'grpc-encoding',
]);

export interface GuardOptions {
  /** Whether the request carried one. */
  credentialed: boolean;
  /** None of them may be in it, whichever call they are of. */
  secrets: LiveSecrets;
}

/** @throws ForwardError (dispatched) if the head cannot be passed on */
export function guardResponseHead(
  status: number,
  headers: readonly HeaderPair[],
  { credentialed, secrets }: GuardOptions,
): HeaderPair[] {
  if (status < 200 || status > 599) throw refused(`The host answered with status ${status}.`);
  const passed: HeaderPair[] = [];
  for (const header of headers) {
    const [name, value] = header;
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw refused('The host sent a header that is not allowed in HTTP.');
    }
    if (name === 'transfer-encoding' && value.trim().toLowerCase() !== 'chunked') {
      throw refused('The host used a transfer coding other than chunked.');
    }
    const kept = !NEVER_PASSED.has(name) && (!credentialed || mayReachAgent(name, value));
    // RFC 9110 8.6: a 204 has no Content-Length, and some clients wait for the bytes it promises.
    if (kept && !(status === 204 && name === 'content-length')) passed.push(header);
  }
  if (repeatSecret(headers, secrets)) throw credentialEchoed();
  return withoutNamed(passed, headers);
}

/**
 * Whether headers or trailers have a secret in them: in a value or a name, or in several values that follow each other. What is
 * not passed on is looked at as well: it says what this upstream is.
 */
export function repeatSecret(headers: readonly HeaderPair[], secrets: LiveSecrets): boolean {
  return !(
    isClean(
      secrets,
      headers.map(([, value]) => value),
    ) &&
    isClean(
      secrets,
      headers.map(([name, value]) => `${name}:${value}\n`),
    )
  );
}

/** RFC 9110 7.6.1: what the Connection header names belongs to the connection, too. */
function withoutNamed(passed: HeaderPair[], all: readonly HeaderPair[]): HeaderPair[] {
  const connection = all.filter(([name]) => name === 'connection');
  if (connection.every(([, value]) => /^(?:close|keep-alive)$/i.test(value))) return passed;
  const options = connection.flatMap(([, value]) => value.toLowerCase().split(','));
  const named = new Set(options.map((option) => option.trim()));
  return passed.filter(([name]) => !named.has(name));
}

/** Whether messages within the body are encoded one by one: nothing here looks into those. */
export function hasEncodedMessages([name, value]: HeaderPair): boolean {
  return name !== 'content-encoding' && BODY_CODINGS.has(name) && !isIdentity(value);
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
export function isScannable(contentType: string): boolean {
  return charsetsOf(contentType).every((charset) => LEGIBLE.test(charset) || WIDE.test(charset));
}

function charsetsOf(contentType: string): string[] {
  const charsets = contentType.matchAll(/charset\s*=\s*["']?([^\s"',;]*)/gi);
  return [...charsets].map(([, charset]) => charset ?? '');
}

export function credentialEchoed(): ForwardError {
  return new ForwardError(
    'CredentialEchoed',
    true,
    "The host's response repeats a credential that is in use; it was cut off there.",
  );
}

function refused(detail: string): ForwardError {
  return new ForwardError('UpstreamProtocolError', true, detail);
}
