/**
 * Where a call goes. The client names the host up to four times (CONNECT or the name it looked up, TLS server name, Host or
 * :authority, the target itself); all of them must be one, or a credential could be sent to one host for a grant about
 * another.
 */

import { ProblemError } from '../../core/api/problem.ts';
import {
  type Authority,
  formatUrl,
  type ParsedUrl,
  parseAuthority,
  parsePathAndQuery,
  parseUrl,
  printable,
} from '../../core/text/url.ts';
import { destinationHosts } from './destination.ts';
import type { DescribeContext } from './head-description.ts';
import type { RequestHead } from './request-head.ts';

export interface Target extends ParsedUrl {
  /** This cluster's API server, under whatever name it is reached. */
  kubernetes: boolean;
}

const DEFAULT_PORT = { http: 80, https: 443 } as const;

/**
 * @throws ProblemError TargetRefused, AuthorityMismatch, DestinationUnknown, ServerNameMissing, RequestAmbiguous or
 * ProtocolRefused
 */
export function readTarget(
  head: RequestHead,
  hosts: readonly string[],
  { kubernetes: { authorities }, searchDomains }: DescribeContext,
): Target {
  checkProtocol(head);
  const url = readUrl(head, hosts, searchDomains);
  checkHost(head, hosts, url);
  const kubernetes = authorities.includes(`${url.host}:${url.port}`);
  if (kubernetes && url.scheme !== 'https') {
    throw new ProblemError(
      'KubernetesRequestRefused',
      'The API server is called over https only: its calls carry a credential.',
      { field: 'target' },
    );
  }
  if (head.via !== 'absolute-form') checkServerName(head, url, kubernetes);
  return { ...url, kubernetes };
}

function readUrl(
  head: RequestHead,
  hosts: readonly string[],
  searchDomains: readonly string[],
): ParsedUrl {
  switch (head.via) {
    case 'absolute-form':
      return parseUrl(head.target, 'target');
    case 'connect':
      return insideTunnel(head);
    case 'transparent':
      return redirected(head, hosts, searchDomains);
  }
}

function checkProtocol(head: RequestHead): void {
  // The HTTP/1 parser also reports 0.9 and 2.0, whatever the type says; h2 without TLS has no server name to compare.
  const known =
    head.httpVersion === '1.1' ||
    head.httpVersion === '1.0' ||
    (head.httpVersion === '2' && head.via !== 'absolute-form' && head.scheme === 'https');
  if (!known) {
    throw new ProblemError(
      'ProtocolRefused',
      `HTTP/${printable(head.httpVersion, 8)} over ${printable(head.scheme, 16)} is not supported here: use HTTP/1.0, HTTP/1.1, or HTTP/2 over TLS.`,
      { field: 'protocol' },
    );
  }
}

function insideTunnel(head: RequestHead): ParsedUrl {
  const authority = parseAuthority(head.connectAuthority ?? '', 'CONNECT');
  if (authority.port === null) {
    throw new ProblemError('TargetRefused', 'CONNECT: the port is missing (RFC 9112 3.2.3).', {
      field: 'CONNECT',
    });
  }
  const { host, port } = authority;
  return { scheme: head.scheme, host, port, ...originForm(head) };
}

/** The host is what the client calls it, if that is the name it looked up or the short form of it. */
function redirected(
  head: RequestHead,
  hosts: readonly string[],
  searchDomains: readonly string[],
): ParsedUrl {
  const { destination } = head;
  if (destination === undefined) {
    throw new TypeError('a redirected call comes with its destination');
  }
  const [full, ...shorter] = destinationHosts(destination, searchDomains);
  const claimed = hosts[0] ?? head.authority;
  const spoken = claimed === undefined ? undefined : parseAuthority(claimed, 'host').host;
  const host = shorter.find((name) => name === spoken) ?? full;
  return { scheme: head.scheme, host, port: destination.port, ...originForm(head) };
}

function originForm(head: RequestHead): { path: string; query: string } {
  if (!head.target.startsWith('/')) {
    throw new ProblemError(
      'TargetRefused',
      `target: "${printable(head.target)}" is not a path; ${head.via === 'connect' ? 'inside a tunnel' : 'without a proxy'} only the origin form is read the same everywhere.`,
      { field: 'target' },
    );
  }
  return parsePathAndQuery(head.target, 'target');
}

/** Host must be there once and agree; `:authority` must agree too (RFC 9113 8.3.1). */
function checkHost(head: RequestHead, hosts: readonly string[], url: ParsedUrl): void {
  if (hosts.length > 1) {
    throw new ProblemError('RequestAmbiguous', 'Host is present more than once.', {
      field: 'host',
    });
  }
  const given: [field: string, text: string][] = hosts.map((text) => ['host', text]);
  if (head.authority !== undefined) given.push([':authority', head.authority]);
  if (given.length === 0) {
    throw new ProblemError('RequestMalformed', 'Host is missing.', { field: 'host' });
  }
  for (const [field, text] of given) {
    if (!sameOrigin(parseAuthority(text, field), url)) {
      throw new ProblemError(
        'AuthorityMismatch',
        `${field} is "${printable(text)}", but the call goes to ${formatUrl({ ...url, path: '', query: '' })}${namelessAddress(head)}.`,
        { field },
      );
    }
  }
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
 */
function checkServerName(head: RequestHead, url: ParsedUrl, kubernetes: boolean): void {
  if (url.scheme !== 'https') return;
  if (typeof head.sni !== 'string') {
    if (kubernetes) return;
    throw new ProblemError(
      'ServerNameMissing',
      `The TLS client sent no server name for ${url.host}. Call the host by its name, not by its address.`,
      { field: 'TLS server name' },
    );
  }
  if (head.sni.toLowerCase() !== url.host) {
    throw new ProblemError(
      'AuthorityMismatch',
      `The TLS server name is "${printable(head.sni)}", but the call goes to ${url.host}.`,
      { field: 'TLS server name' },
    );
  }
}
