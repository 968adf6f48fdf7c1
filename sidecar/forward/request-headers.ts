/** The headers that go to the upstream. */

import { FREE_TEXT_HEADERS } from '../../core/action/inert-headers.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { readableCodings } from './body-coding.ts';
import type { UpstreamRequest } from './upstream.ts';

/** Headers that undici or the connection sets; whatever the caller says of them would contradict what is sent. */
const SET_HERE: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** With a credential: only an answer in plain bytes can be checked for it, so the agent does not choose how it is written. */
const NEGOTIATED_HERE: ReadonlySet<string> = new Set([
  'accept-charset',
  'accept-encoding',
  'authorization',
  'connect-accept-encoding',
  'grpc-accept-encoding',
]);

/**
 * Names and values alternating, as undici takes them.
 * @param carriers the headers that carry the credential; null: none is sent
 */
export function requestHeaders(
  { headers: given, body }: Pick<UpstreamRequest, 'headers' | 'body'>,
  carriers: readonly HeaderPair[] | null,
): string[] {
  const headers: string[] = [];
  const streamed = body !== null && !(body instanceof Uint8Array);
  for (const header of given) {
    const [name, value] = header;
    const lower = name.toLowerCase();
    if (SET_HERE.has(lower) || (lower === 'content-length' && !streamed)) continue;
    if (carriers === null)
      headers.push(name, lower === 'accept-encoding' ? readableCodings(value) : value);
    else if (lower === 'accept') headers.push(name, withoutCharset(value));
    else if (!isWithheld(lower, carriers)) headers.push(name, value);
  }
  if (carriers !== null) {
    // Only what is not encoded can be checked for the credential.
    headers.push('accept-encoding', 'identity');
    for (const [name, value] of carriers) headers.push(name, value);
  }
  return headers;
}

/** What the agent says under this name is not sent with a credential. */
function isWithheld(name: string, carriers: readonly HeaderPair[]): boolean {
  return (
    NEGOTIATED_HERE.has(name) ||
    FREE_TEXT_HEADERS.has(name) ||
    carriers.some(([carrier]) => carrier.toLowerCase() === name)
  );
}

/** A parameter that names a charset, at the start of what follows a semicolon. */
const CHARSET = /^\s*charset\s*=\s*(?:"[^"\\]*"|[^\s,;"]+)/i;

/**
 * RFC 9110 12.5.1: media types may have the parameter. One that cannot be taken out takes the header with it. Piece by piece,
 * each read from its start only: a pattern that may begin anywhere takes quadratic time on a long run of spaces.
 */
function withoutCharset(accept: string): string {
  const [first = '', ...parameters] = accept.split(';');
  const rest = parameters.reduce((before, piece) => {
    const charset = CHARSET.exec(piece)?.[0];
    return charset === undefined ? `${before};${piece}` : before + piece.slice(charset.length);
  }, first);
  return /charset/i.test(rest) ? '*/*' : rest;
}
