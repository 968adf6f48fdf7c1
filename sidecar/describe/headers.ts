/**
 * Sorts a request's headers: framing is read and dropped, the agent's credentials are dropped, inert ones pass, and the
 * rest belongs to the action (core/action/headers.ts has the tables). What would change the meaning of the message itself is
 * refused here.
 */

import {
  FRAMING_HEADERS,
  HEADER_NAME,
  HEADER_VALUE,
  INERT_HEADERS,
  STRIPPED_HEADERS,
} from '../../core/action/headers.ts';
import { type ProblemCode, ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { printable } from '../../core/text/url.ts';
import { type MediaType, parseContentType } from './content-type.ts';
import type { FramingHeaders } from './framing.ts';
import type { RequestHead } from './request-head.ts';

export interface RequestHeaders extends FramingHeaders {
  /** Every Host that came. */
  host: readonly string[];
  /** Passed on without being part of the action, in their order. */
  inert: readonly HeaderPair[];
  /** Part of the action, in their order; no name repeats. */
  significant: readonly HeaderPair[];
  contentType: MediaType | null;
  /** Codings of the body (RFC 9110 8.4), lower case, in the order in which they were applied; without `identity`. */
  contentEncoding: readonly string[];
}

const UPGRADE_REASON = 'an upgraded connection would carry calls that nobody decided';

/**
 * Offers to go on in another version of HTTP, or with TLS, that a server may pass over (RFC 9110 7.8); the client then stays with
 * what it has. Whoever asks for anything else (WebSocket, SPDY, `tcp`) cannot do without.
 */
const OPTIONAL_UPGRADE = /^(?:h2c?|http(?:\/[0-9.]+)?|tls(?:\/[0-9.]+)?)$/i;

/** MCP's own headers (Mcp-Method, Mcp-Session-Id, MCP-Protocol-Version and whatever comes): what they mean is not judged yet. */
const MCP_REASON = 'calls of the Model Context Protocol are not supported by this version';

/** Inert headers that are lists, so that several lines mean the same as one with commas (RFC 9110 5.3). */
const LISTS: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'baggage',
  'cache-control',
  'pragma',
  'tracestate',
]);

/**
 * @param alsoInert lower-case names
 * @throws ProblemError for a header that may not be there, whatever the grant
 */
export function readHeaders(
  head: Pick<RequestHead, 'httpVersion' | 'rawHeaders'>,
  alsoInert: ReadonlySet<string>,
): RequestHeaders {
  const values: Record<'host' | 'content-length' | 'transfer-encoding', string[]> = {
    host: [],
    'content-length': [],
    'transfer-encoding': [],
  };
  const dropped = connectionOptions(head);
  const inert: HeaderPair[] = [];
  const significant: HeaderPair[] = [];
  const seen = new Set<string>();

  for (const [name, value] of pairs(head.rawHeaders)) {
    if (STRIPPED_HEADERS.has(name)) continue;
    checkValue(name, value);
    if (name.startsWith('mcp-')) throw refuse(name, MCP_REASON, 'MCPNotSupported');
    if (FRAMING_HEADERS.has(name)) {
      checkFraming(name, value, head.httpVersion);
      if (isCollected(name)) values[name].push(value);
    } else {
      const isInert = INERT_HEADERS.has(name) || alsoInert.has(name);
      // RFC 9110 7.6.1: it was for us alone. It is taken out before anything is compared, so that no grant covers it.
      if (!isInert && dropped.has(name)) continue;
      if (seen.has(name) && !LISTS.has(name)) {
        throw refuse(name, 'it appears more than once', 'RequestAmbiguous');
      }
      seen.add(name);
      (isInert ? inert : significant).push([name, value]);
    }
  }
  const contentType = firstValue(inert, 'content-type');
  return {
    host: values.host,
    contentLength: values['content-length'],
    transferEncoding: values['transfer-encoding'],
    inert,
    significant,
    contentType: contentType === undefined ? null : parseContentType(contentType),
    contentEncoding: readContentEncoding(firstValue(inert, 'content-encoding') ?? ''),
  };
}

function firstValue(headers: readonly HeaderPair[], wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}

/** Codings that are registered (IANA, HTTP Content Coding) or in wide use. */
const CONTENT_CODING =
  /^(?:x-)?(?:aes128gcm|aws-chunked|br|compress|dcb|dcz|deflate|exi|gzip|lz4|pack200-gzip|snappy|zstd)$/;

/** @throws ProblemError ContentEncodingRefused */
function readContentEncoding(value: string): string[] {
  const codings = listOf(value.toLowerCase()).filter((coding) => coding !== 'identity');
  const unknown = codings.find((coding) => !CONTENT_CODING.test(coding));
  if (unknown === undefined) return codings;
  throw refuse(
    'content-encoding',
    `"${printable(unknown, 32)}" is not a content coding that is in use`,
    'ContentEncodingRefused',
  );
}

function isCollected(name: string): name is 'host' | 'content-length' | 'transfer-encoding' {
  return name === 'host' || name === 'content-length' || name === 'transfer-encoding';
}

/** The flat list as pairs with lower-case names. */
function* pairs(raw: readonly string[]): Generator<HeaderPair> {
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    if (!HEADER_NAME.test(name)) {
      throw new ProblemError(
        'RequestMalformed',
        `"${printable(name, 64)}" is not the name of a header (RFC 9110 5.1).`,
        { field: 'headers' },
      );
    }
    yield [name, raw[i + 1] ?? ''];
  }
}

/** Bytes above 0x7e are read as Latin-1 by some and as UTF-8 by others; control characters end a line for some. */
function checkValue(name: string, value: string): void {
  if (HEADER_VALUE.test(value)) return;
  throw refuse(name, 'its value has characters other than printable ASCII', 'RequestMalformed');
}

/** What the Connection headers name, lower case. A name from one of our tables is treated as the table says all the same. */
function connectionOptions({ rawHeaders }: Pick<RequestHead, 'rawHeaders'>): ReadonlySet<string> {
  const options = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'connection') continue;
    for (const option of listOf(rawHeaders[i + 1] ?? '')) options.add(option.toLowerCase());
  }
  return options;
}

/** The members of a list (RFC 9110 5.6.1). */
function listOf(value: string): string[] {
  return value
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

/** Our connection's own headers are dropped, whatever they say; what asks for more than can be dropped is refused. */
function checkFraming(name: string, value: string, version: RequestHead['httpVersion']): void {
  if (name === 'expect') checkExpect(version, value);
  if (name === 'upgrade' && !listOf(value).every((offer) => OPTIONAL_UPGRADE.test(offer))) {
    throw refuse(name, UPGRADE_REASON, 'UpgradeRefused');
  }
  if (version === '2' && (name === 'connection' || name === 'keep-alive')) {
    throw refuse(name, 'HTTP/2 has no such header (RFC 9113 8.2.2)', 'RequestMalformed');
  }
}

function checkExpect(version: RequestHead['httpVersion'], value: string): void {
  // RFC 9110 10.1.1 defines one expectation, and has it ignored in HTTP/1.0.
  if (value.toLowerCase() === '100-continue' || version === '1.0') return;
  throw refuse('expect', 'only 100-continue is known', 'ExpectationRefused');
}

function refuse(name: string, reason: string, code: ProblemCode = 'HeaderRefused'): ProblemError {
  return new ProblemError(code, `Header ${printable(name, 64)}: ${reason}.`, { field: name });
}
