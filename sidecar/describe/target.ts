/**
 * Where a call goes. The client names the host up to four times (CONNECT or the name it looked up, TLS server name, Host or
 * :authority, the target itself); all of them must be one, or a credential could be sent to one host for a grant about
 * another.
 */

import { ProblemError } from '../../core/api/problem.ts';
import {
  type Authority,
  type ParsedUrl,
  parseAuthority,
  parsePathAndQuery,
  parseUrl,
  printable,
} from '../../core/text/url.ts';
import { checkHost, checkServerName } from './agreement.ts';
import type { DestinationHosts } from './destination.ts';
import type { ReadHead } from './read-head.ts';
import type { RequestHead } from './request-head.ts';

export interface Target extends ParsedUrl {
  /** This cluster's API server, under whatever name it is reached. */
  kubernetes: boolean;
}

/**
 * @param hostHeaders every Host that came
 * @param apiServer `host:port`, lower case, under which this cluster's API server is reached
 * @throws ProblemError TargetRefused, AuthorityMismatch, DestinationUnknown, ServerNameMissing, RequestAmbiguous or
 * ProtocolRefused
 */
export function readTarget(
  { head, hosts }: ReadHead,
  hostHeaders: readonly string[],
  apiServer: readonly string[],
): Target {
  checkProtocol(head);
  checkDestination(head);
  const spoken = hosts === undefined ? undefined : spokenAuthority(head, hostHeaders);
  const url = readUrl(head, hosts, spoken);
  checkHost(head, hostHeaders, spoken, url);
  const kubernetes = apiServer.includes(`${url.host}:${url.port}`);
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
  hosts: DestinationHosts | undefined,
  spoken: Authority | undefined,
): ParsedUrl {
  switch (head.via) {
    case 'absolute-form':
      return parseUrl(head.target, 'target');
    case 'connect':
      return insideTunnel(head);
    case 'transparent':
      return redirected(head, hosts, spoken);
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

/** An address of ours that stands for no name any more could be of any host. */
function checkDestination({ destination }: RequestHead): void {
  if (destination === undefined || !('address' in destination) || !destination.synthetic) return;
  throw new ProblemError(
    'DestinationUnknown',
    `The address ${printable(destination.address)} stands for no name that was looked up lately. Look the name up again.`,
    { field: 'destination' },
  );
}

/** What the client calls the host of a redirected connection. */
function spokenAuthority(head: RequestHead, hostHeaders: readonly string[]): Authority | undefined {
  const text = hostHeaders[0] ?? head.authority;
  return text === undefined ? undefined : parseAuthority(text, 'host');
}

/** The host is what the client calls it, if that is the name it looked up or the short form of it. */
function redirected(
  head: RequestHead,
  hosts: DestinationHosts | undefined,
  spoken: Authority | undefined,
): ParsedUrl {
  if (head.destination === undefined || hosts === undefined) {
    throw new TypeError('a redirected call comes with its destination');
  }
  const isSpoken = spoken !== undefined && hosts.includes(spoken.host);
  const host = isSpoken ? spoken.host : hosts[0];
  return { scheme: head.scheme, host, port: head.destination.port, ...originForm(head) };
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
