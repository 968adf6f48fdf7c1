/**
 * The one reading of a URL. WHATWG `URL` is not used to judge: it resolves `%2e%2e` and `\` and reads `0x7f.1` as
 * 127.0.0.1, so what it compares is not what is sent. Here a URL is either exactly one thing to every server, or refused.
 */

import { ProblemError } from '../api/problem.ts';
import { REDACTED, withoutTokens } from './secret-text.ts';

export interface ParsedUrl {
  scheme: 'http' | 'https';
  /** Lower-case host name, dotted IPv4 address, or IPv6 address in brackets. */
  host: string;
  port: number;
  /** Exactly as given, starting with `/`. */
  path: string;
  /** Exactly as given with its `?`, or empty. */
  query: string;
}

export const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** RFC 9112 3.2: an authority as it stands in Host, CONNECT or a URL. */
export interface Authority {
  host: string;
  port: number | null;
}

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * A host: lower-cased name, canonical IPv4 or bracketed IPv6. A final dot, which only says that the name is complete (RFC 1034
 * 3.1), is taken off. Refuses user information, percent-encoding, non-ASCII, empty labels and every spelling of an IPv4 address
 * other than four decimal numbers (CVE-2021-29922 and kin).
 * @throws ProblemError TargetRefused
 */
export function parseAuthority(text: string, field: string): Authority {
  if (text.includes('@')) {
    const host = printable(text.slice(text.lastIndexOf('@') + 1));
    throw refuse(
      field,
      `"${host}" with user information (user@) is not a plain host name; leave it out, since URLs are shown and logged`,
    );
  }
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]*)(?::([0-9]{1,5}))?$/.exec(text);
  const given = match?.[1]?.toLowerCase();
  if (match === null || given === undefined || given === '') {
    throw refuse(field, `"${printable(text)}" is not a host with an optional port`);
  }
  const port = match[2] === undefined ? null : Number(match[2]);
  if (port !== null && (port < 1 || port > 65535 || String(port) !== match[2])) {
    throw refuse(
      field,
      `the port ${match[2]} is not a number from 1 to 65535 without leading zeros`,
    );
  }
  if (given.startsWith('[')) return { host: canonicalIPv6(given, field), port };
  const host = withoutFinalDot(given);
  if (host.length > 253) throw refuse(field, 'the host is longer than 253 characters');
  const labels = host.split('.');
  if (!labels.every((label) => LABEL.test(label))) {
    throw refuse(
      field,
      `"${printable(text)}" is not a plain host name (ASCII letters, digits and hyphens; write international names as xn--…)`,
    );
  }
  // A last label that is a number makes the whole an IPv4 address to many parsers (WHATWG URL 3.5).
  const last = labels[labels.length - 1] ?? '';
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last) && !isIPv4(given)) {
    throw refuse(field, `"${printable(text)}" is an unusual spelling of an address; write a.b.c.d`);
  }
  return { host, port };
}

/** A name as it is compared: `example.com.` is `example.com`. */
export function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** Whether the text is an IPv4 address of four decimal numbers without leading zeros. */
export function isIPv4(host: string): boolean {
  const parts = host.split('.');
  return (
    parts.length === 4 && parts.every((p) => /^(?:0|[1-9][0-9]{0,2})$/.test(p) && Number(p) <= 255)
  );
}

/** A host as it stands in a URL (RFC 3986 3.2.2): an IPv6 address in brackets, everything else as it is. */
export function withBrackets(host: string): string {
  // No name has a colon.
  return host.includes(':') ? `[${host}]` : host;
}

/** A host as it is looked up and compared with addresses: without the brackets that IPv6 has in URLs. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** RFC 5952 text of a bracketed IPv6 address, so that one address has one spelling. */
function canonicalIPv6(bracketed: string, field: string): string {
  try {
    // The URL parser is trusted for exactly this: it serialises by RFC 5952 or throws.
    return new URL(`http://${bracketed}/`).hostname;
  } catch {
    throw refuse(field, `"${printable(bracketed)}" is not an IPv6 address`);
  }
}

// RFC 3986 pchar and "/", with percent-encodings complete. No backslash, no control or non-ASCII byte.
const PATH = /^(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)+$/;
// Those and what clients leave as it is in a query (WHATWG URL 4.3): every server takes it for itself.
const QUERY = /^\?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?[\]{|}^`]|%[0-9A-Fa-f]{2})*$/;
/** How often a path may be encoded within itself (`%2525`): more is no client's. */
const MAX_ENCODINGS = 3;
/** UTF-8 that is longer than it need be (RFC 3629 3): some decoders take such bytes for "/", "." or a control character. */
const OVERLONG = /%(?:C[01]%[89AB]|E0%[89]|F0%8)/i;
const DOT_SEGMENT = /[/]\.{1,2}(?:[/;]|$)/;

/**
 * A path and query in origin form, kept byte for byte: `%2F` is no `/`, and the server is told the one that was compared.
 * @throws ProblemError TargetRefused for dot segments (also for whoever decodes first, and more than once), empty segments,
 * fragments, encoded backslashes and control characters, and any byte that RFC 3986 does not allow.
 */
export function parsePathAndQuery(target: string, field: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark);
  if (!PATH.test(path)) {
    throw refuse(
      field,
      `the path "${printable(path)}" has characters that RFC 3986 does not allow`,
    );
  }
  if (path.includes('//')) throw refuse(field, 'the path has an empty segment (//)');
  checkReadings(path, field);
  if (query !== '' && (!QUERY.test(query) || /%(?:[01][0-9a-f]|7f)/i.test(query))) {
    throw refuse(
      field,
      'the query has characters that RFC 3986 does not allow, or encoded control characters',
    );
  }
  return { path, query };
}

/**
 * Servers differ in when they decode a path, and how often. Slashes and the like may then mean one thing or another, which is
 * between the client and its server; but to none of them may the path climb out of where it seems to be.
 */
function checkReadings(path: string, field: string): void {
  let reading = path;
  for (let encodings = 0; ; encodings++) {
    if (DOT_SEGMENT.test(reading)) {
      throw refuse(field, 'the path has a dot segment (. or ..), encoded or not');
    }
    if (/[\\\u0000-\u001f\u007f]/.test(reading)) {
      throw refuse(field, 'the path has an encoded backslash or control character');
    }
    if (OVERLONG.test(reading)) {
      throw refuse(field, 'the path has percent-encoded bytes that are no UTF-8 (overlong)');
    }
    const decoded = decodeOnce(reading);
    if (decoded === reading) return;
    if (encodings === MAX_ENCODINGS) {
      throw refuse(field, `the path is percent-encoded more than ${MAX_ENCODINGS} times over`);
    }
    reading = decoded;
  }
}

/** Byte by byte, as Latin-1: what is asked for is ASCII. */
function decodeOnce(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** An absolute http or https URL. @throws ProblemError TargetRefused */
export function parseUrl(text: string, field: string): ParsedUrl {
  const match = /^(https?):\/\/([^/?#]*)(.*)$/s.exec(text);
  if (match === null) {
    throw refuse(field, `"${printable(text)}" is not an absolute http or https URL`);
  }
  const scheme = match[1] === 'http' ? 'http' : 'https';
  const authority = parseAuthority(match[2] ?? '', field);
  const rest = match[3] ?? '';
  const { path, query } = parsePathAndQuery(rest.startsWith('/') ? rest : `/${rest}`, field);
  return {
    scheme,
    host: authority.host,
    port: authority.port ?? DEFAULT_PORT[scheme],
    path,
    query,
  };
}

/** The one spelling of a URL: default port left out, path at least `/`. */
export function formatUrl(url: ParsedUrl): string {
  const port = url.port === DEFAULT_PORT[url.scheme] ? '' : `:${url.port}`;
  return `${url.scheme}://${url.host}${port}${url.path}${url.query}`;
}

/** Up to its last @, a text that could be an authority is a user with a password. */
const USER_AND_PASSWORD = /^[^\s/?#:@]*:[^\s/?#]*@/;

/** Hostile text made fit for a message: printable ASCII only, without secrets that show what they are, bounded. */
export function printable(text: string, limit = 120): string {
  // Secrets first: of one that is cut, nothing would tell any more what it is.
  const clean = withoutTokens(text.replace(USER_AND_PASSWORD, `${REDACTED}@`)).replace(
    /[^\x20-\x7e]/g,
    '?',
  );
  return clean.length > limit ? `${clean.slice(0, limit)}...` : clean;
}

function refuse(field: string, reason: string): ProblemError {
  return new ProblemError('TargetRefused', `${field}: ${reason}.`, { field });
}
