/**
 * Sorts a request's headers: framing is read and dropped, the agent's credentials are dropped, inert ones pass, and the
 * rest belongs to the action (core/action/headers.ts has the tables). What would change the meaning of the message itself is
 * refused here.
 */

import { HEADER_NAME, HEADER_VALUE } from '../../core/action/header-form.ts';
import { FRAMING_HEADERS, STRIPPED_HEADERS } from '../../core/action/headers.ts';
import { INERT_HEADERS, judgeInert, withinBounds } from '../../core/action/inert-headers.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { printable } from '../../core/text/url.ts';
import { checkConnectionHeader, connectionOptions } from './connection-headers.ts';
import { readContentEncoding } from './content-encoding.ts';
import { type MediaType, parseContentType } from './content-type.ts';
import type { FramingHeaders } from './framing.ts';
import { refuse } from './header-refusal.ts';
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

const REPEATED = 'it appears more than once';

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
    if (FRAMING_HEADERS.has(name)) {
      checkValue(name, value);
      checkConnectionHeader(name, value, head.httpVersion);
      if (isCollected(name)) values[name].push(value);
      continue;
    }
    if (name.startsWith('mcp-')) throw refuse(name, MCP_REASON, 'MCPNotSupported');
    const isRepeated = seen.has(name) && !LISTS.has(name);
    seen.add(name);
    if (INERT_HEADERS.has(name) || alsoInert.has(name)) {
      const judged = judgeInert(name, value, isRepeated);
      if (judged === 'Refuse') throw refuseInert(name, isRepeated);
      if (judged !== 'Drop') inert.push(judged);
      // RFC 9110 7.6.1: it was for us alone. It is taken out before anything is compared, so that no grant covers it.
    } else if (!dropped.has(name)) {
      checkValue(name, value);
      if (isRepeated) throw refuse(name, REPEATED, 'RequestAmbiguous');
      significant.push([name, value]);
    }
  }
  // An empty type says as much as none.
  const contentType = firstValue(inert, 'content-type') ?? '';
  return {
    host: values.host,
    contentLength: values['content-length'],
    transferEncoding: values['transfer-encoding'],
    inert: withinBounds(inert),
    significant,
    contentType: contentType === '' ? null : parseContentType(contentType),
    contentEncoding: readContentEncoding(firstValue(inert, 'content-encoding') ?? ''),
  };
}

function firstValue(headers: readonly HeaderPair[], wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}

/** It can neither be sent as it is nor left out. */
function refuseInert(name: string, isRepeated: boolean): ProblemError {
  return isRepeated
    ? refuse(name, REPEATED, 'RequestAmbiguous')
    : refuse(
        name,
        'it is longer than such a header is, or has characters other than printable ASCII',
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
