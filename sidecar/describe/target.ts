/**
 * Where a call goes. The client names the host up to four times (CONNECT, TLS server name, Host or :authority, the target
 * itself); all of them must be one, or a credential could be sent to one host for a grant about another.
 */

import { ProblemError } from '../../api/problem.ts';
import {
  type Authority,
  formatUrl,
  type ParsedUrl,
  parseAuthority,
  parsePathAndQuery,
  parseUrl,
  printable,
} from '../../api/url.ts';
import type { RequestHead } from './request-head.ts';

export interface Target extends ParsedUrl {
  /** This cluster's API server, under whatever name it is reached. */
  kubernetes: boolean;
}

const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** @throws ProblemError TargetRefused, AuthorityMismatch, ServerNameMissing, RequestAmbiguous or ProtocolRefused */
export function readTarget(
  head: RequestHead,
  hosts: readonly string[],
  kubernetesAuthorities: readonly string[],
): Target {
  checkProtocol(head);
  const url = head.via === 'connect' ? insideTunnel(head) : absoluteForm(head);
  checkHost(head, hosts, url);
  const kubernetes = kubernetesAuthorities.includes(`${url.host}:${url.port}`);
  if (kubernetes && url.scheme !== 'https') {
    throw new ProblemError(
      'KubernetesRequestRefused',
      'The API server is called over https only: its calls carry a credential.',
      { field: 'target' },
    );
  }
  if (head.via === 'connect') checkServerName(head, url, kubernetes);
  return { ...url, kubernetes };
}

function checkProtocol(head: RequestHead): void {
  // The HTTP/1 parser also reports 0.9 and 2.0, whatever the type says; h2 without TLS has no server name to compare.
  const known =
    head.httpVersion === '1.1' ||
    head.httpVersion === '1.0' ||
    (head.httpVersion === '2' && head.via === 'connect' && head.scheme === 'https');
  if (!known) {
    throw new ProblemError(
      'ProtocolRefused',
      `HTTP/${printable(head.httpVersion, 8)} over ${printable(head.scheme, 16)} is not supported here: use HTTP/1.0, HTTP/1.1, or HTTP/2 over TLS.`,
      { field: 'protocol' },
    );
  }
}

function absoluteForm(head: RequestHead): ParsedUrl {
  return parseUrl(head.target, 'target');
}

function insideTunnel(head: RequestHead): ParsedUrl {
  const authority = parseAuthority(head.connectAuthority ?? '', 'CONNECT');
  if (authority.port === null) {
    throw new ProblemError('TargetRefused', 'CONNECT: the port is missing (RFC 9112 3.2.3).', {
      field: 'CONNECT',
    });
  }
  if (!head.target.startsWith('/')) {
    throw new ProblemError(
      'TargetRefused',
      `target: "${printable(head.target)}" is not a path; inside a tunnel only the origin form is read the same everywhere.`,
      { field: 'target' },
    );
  }
  const { path, query } = parsePathAndQuery(head.target, 'target');
  return { scheme: head.scheme, host: authority.host, port: authority.port, path, query };
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
        `${field} is "${printable(text)}", but the call goes to ${formatUrl({ ...url, path: '', query: '' })}.`,
        { field },
      );
    }
  }
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
      `The TLS server name is "${printable(head.sni)}", but CONNECT asked for ${url.host}.`,
      { field: 'TLS server name' },
    );
  }
}
