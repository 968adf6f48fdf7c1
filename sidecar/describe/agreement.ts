/** Whether all the names that a client gives the host of one call are one (RFC 9110 7.2, RFC 9113 8.3.1, RFC 6066 3). */

import { ProblemError } from '../../core/api/problem.ts';
import {
  type Authority,
  DEFAULT_PORT,
  formatUrl,
  type ParsedUrl,
  parseAuthority,
  printable,
  withoutFinalDot,
} from '../../core/text/url.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Host must be there once and agree; `:authority` must agree too (RFC 9113 8.3.1).
 * @param spoken the first of them, if it was read already
 * @throws ProblemError RequestAmbiguous, RequestMalformed, TargetRefused or AuthorityMismatch
 */
export function checkHost(
  head: RequestHead,
  hostHeaders: readonly string[],
  spoken: Authority | undefined,
  url: ParsedUrl,
): void {
  if (hostHeaders.length > 1) {
    throw new ProblemError('RequestAmbiguous', 'Host is present more than once.', {
      field: 'host',
    });
  }
  const [host] = hostHeaders;
  const { authority } = head;
  if (host === undefined && authority === undefined) {
    throw new ProblemError('RequestMalformed', 'Host is missing.', { field: 'host' });
  }
  if (host !== undefined) {
    checkAgrees('host', host, spoken ?? parseAuthority(host, 'host'), head, url);
  }
  if (authority !== undefined) {
    const read = host === undefined ? spoken : undefined;
    const field = ':authority';
    checkAgrees(field, authority, read ?? parseAuthority(authority, field), head, url);
  }
}

function checkAgrees(
  field: string,
  text: string,
  authority: Authority,
  head: RequestHead,
  url: ParsedUrl,
): void {
  if (sameOrigin(authority, url)) return;
  throw new ProblemError(
    'AuthorityMismatch',
    `${field} is "${printable(text)}", but the call goes to ${formatUrl({ ...url, path: '', query: '' })}${namelessAddress(head)}.`,
    { field },
  );
}

/** Why a name does not fit an address, to whoever has it from a hosts file or a resolver of its own. */
function namelessAddress({ destination }: RequestHead): string {
  return destination !== undefined && 'address' in destination
    ? ', an address that no name was looked up for: resolve the host by DNS in this pod'
    : '';
}

function sameOrigin(authority: Authority, url: ParsedUrl): boolean {
  return authority.host === url.host && (authority.port ?? DEFAULT_PORT[url.scheme]) === url.port;
}

/**
 * RFC 6066 3: the server name is the host, without a port. No server name at all is what clients send for an address; that
 * is let through for the API server alone, which pods reach under its address.
 * @throws ProblemError ServerNameMissing or AuthorityMismatch
 */
export function checkServerName(head: RequestHead, url: ParsedUrl, kubernetes: boolean): void {
  if (url.scheme !== 'https') return;
  if (typeof head.sni !== 'string') {
    if (kubernetes) return;
    throw new ProblemError(
      'ServerNameMissing',
      `The TLS client sent no server name for ${url.host}. Call the host by its name, not by its address.`,
      { field: 'TLS server name' },
    );
  }
  // RFC 6066 3 has it without a final dot, and some clients send what they were given.
  if (withoutFinalDot(head.sni.toLowerCase()) !== url.host) {
    throw new ProblemError(
      'AuthorityMismatch',
      `The TLS server name is "${printable(head.sni)}", but the call goes to ${url.host}.`,
      { field: 'TLS server name' },
    );
  }
}
