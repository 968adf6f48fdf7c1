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
}

/** Headers no grant can list, since they change how the message is read rather than what it asks for. */
const REFUSED: Readonly<Record<string, { code: ProblemCode; reason: string }>> = {
  upgrade: {
    code: 'UpgradeRefused',
    reason: 'an upgraded connection would carry calls that nobody decided',
  },
  'http2-settings': {
    code: 'UpgradeRefused',
    reason: 'an upgraded connection would carry calls that nobody decided',
  },
  'content-encoding': {
    code: 'ContentEncodingRefused',
    reason: 'an encoded body cannot be compared with the one in a grant; send it as it is',
  },
  trailer: {
    code: 'HeaderRefused',
    reason: 'trailers are not forwarded, and nothing compares them',
  },
};

/** MCP's own headers (Mcp-Method, Mcp-Session-Id, MCP-Protocol-Version and whatever comes): what they mean is not judged yet. */
const MCP_REASON = 'calls of the Model Context Protocol are not supported by this version';

/** Connection options (RFC 9110 7.6.1) that concern our connection alone; others could strip a header downstream. */
const CONNECTION_OPTIONS: ReadonlySet<string> = new Set(['close', 'keep-alive', 'te']);

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
  const inert: HeaderPair[] = [];
  const significant: HeaderPair[] = [];
  const seen = new Set<string>();

  for (const [name, value] of pairs(head.rawHeaders)) {
    if (STRIPPED_HEADERS.has(name)) continue;
    checkValue(name, value);
    const refused = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
    if (refused !== undefined) throw refuse(name, refused.reason, refused.code);
    if (name.startsWith('mcp-')) throw refuse(name, MCP_REASON, 'MCPNotSupported');
    if (name === 'expect') {
      checkExpect(head.httpVersion, value);
    } else if (FRAMING_HEADERS.has(name)) {
      checkFraming(name, value, head.httpVersion);
      if (isCollected(name)) values[name].push(value);
    } else {
      if (seen.has(name) && !LISTS.has(name)) {
        throw refuse(name, 'it appears more than once', 'RequestAmbiguous');
      }
      seen.add(name);
      const isInert = INERT_HEADERS.has(name) || alsoInert.has(name);
      (isInert ? inert : significant).push([name, value]);
    }
  }
  const contentType = inert.find(([name]) => name === 'content-type')?.[1];
  return {
    host: values.host,
    contentLength: values['content-length'],
    transferEncoding: values['transfer-encoding'],
    inert,
    significant,
    contentType: contentType === undefined ? null : parseContentType(contentType),
  };
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

function checkExpect(version: RequestHead['httpVersion'], value: string): void {
  // RFC 9110 10.1.1 defines one expectation, and not for HTTP/1.0.
  if (value.toLowerCase() === '100-continue' && version !== '1.0') return;
  throw refuse('expect', 'only 100-continue is known', 'ExpectationRefused');
}

function checkFraming(name: string, value: string, version: RequestHead['httpVersion']): void {
  if (name === 'te' && value.toLowerCase() !== 'trailers') {
    throw refuse(name, 'transfer codings are not negotiated; only "trailers" may be there');
  }
  if (name !== 'connection' && name !== 'keep-alive') return;
  if (version === '2') {
    throw refuse(name, 'HTTP/2 has no such header (RFC 9113 8.2.2)', 'RequestMalformed');
  }
  if (name === 'keep-alive') return;
  for (const option of value
    .toLowerCase()
    .split(',')
    .map((o) => o.trim())) {
    if (option === 'upgrade') {
      throw refuse(
        name,
        'an upgraded connection would carry calls that nobody decided',
        'UpgradeRefused',
      );
    }
    if (option !== '' && !CONNECTION_OPTIONS.has(option)) {
      throw refuse(
        name,
        `the option "${printable(option, 64)}" could make the next hop drop a header; only close, keep-alive and te are known`,
      );
    }
  }
}

function refuse(name: string, reason: string, code: ProblemCode = 'HeaderRefused'): ProblemError {
  return new ProblemError(code, `Header ${printable(name, 64)}: ${reason}.`, { field: name });
}
