/**
 * Redirected connections: what the client was going to, what it says in Host and TLS server name, and the one URL that comes
 * of it, or the refusal.
 */

import { describe, expect, it } from 'vitest';
import { API_SERVER_NAMES } from '../../../../core/api/names.ts';
import { formatUrl } from '../../../../core/text/url.ts';
import { destinationText } from '../../../../sidecar/describe/destination.ts';
import { readHead } from '../../../../sidecar/describe/read-head.ts';
import type { Destination, RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { readTarget } from '../../../../sidecar/describe/target.ts';
import { aRedirectedHead, CONTEXT, describeHead } from './heads.ts';
import { refusal } from './problem.ts';

const EDR: Destination = { name: 'edr.example.com', port: 443 };
const SERVICE: Destination = { name: 'shop.soc.svc.cluster.local', port: 8080 };
const LITERAL: Destination = { address: '203.0.113.7', port: 8080, synthetic: false };
const API: Destination = { address: '127.0.0.1', port: 6443, synthetic: false };
const FORGOTTEN: Destination = { address: '198.18.3.4', port: 443, synthetic: true };

const PLAIN: Partial<RequestHead> = { scheme: 'http' };
/** Without TLS there is no server name. */
function plain(destination: Destination, host: string, given: Partial<RequestHead> = {}) {
  const { sni, ...head } = aRedirectedHead(destination, host, { ...PLAIN, ...given });
  return head;
}

function h2(destination: Destination, authority: string, given: Partial<RequestHead> = {}) {
  return aRedirectedHead(destination, authority, {
    httpVersion: '2',
    authority,
    rawHeaders: [],
    ...given,
  });
}

const hostsOf = (head: RequestHead): string[] =>
  head.rawHeaders.filter((_, i, all) => all[i - 1]?.toLowerCase() === 'host');
const url = (head: RequestHead): string =>
  formatUrl(
    readTarget(
      readHead(head, CONTEXT.searchDomains),
      hostsOf(head),
      CONTEXT.kubernetes.authorities,
    ),
  );

describe('the URL of a redirected call', () => {
  it.each<[string, RequestHead, string]>([
    [
      'has the name that was looked up',
      aRedirectedHead(EDR, 'edr.example.com'),
      'https://edr.example.com/',
    ],
    [
      'whatever its case',
      aRedirectedHead({ name: 'EDR.Example.com', port: 443 }, 'edr.EXAMPLE.com'),
      'https://edr.example.com/',
    ],
    [
      'with the port spelled out',
      aRedirectedHead(EDR, 'edr.example.com:443', { sni: 'edr.example.com' }),
      'https://edr.example.com/',
    ],
    ['over HTTP/2', h2(EDR, 'edr.example.com'), 'https://edr.example.com/'],
    [
      'at another port',
      aRedirectedHead({ ...EDR, port: 8443 }, 'edr.example.com:8443'),
      'https://edr.example.com:8443/',
    ],
    ['in the clear', plain({ ...EDR, port: 80 }, 'edr.example.com'), 'http://edr.example.com/'],
    [
      'in the clear at the port of https',
      plain(EDR, 'edr.example.com:443'),
      'http://edr.example.com:443/',
    ],
    [
      'of TLS at the port of http',
      aRedirectedHead({ ...EDR, port: 80 }, 'edr.example.com:80'),
      'https://edr.example.com:80/',
    ],
    [
      'of a service by its full name',
      plain(SERVICE, 'shop.soc.svc.cluster.local:8080'),
      'http://shop.soc.svc.cluster.local:8080/',
    ],
    ['of a service as the client calls it', plain(SERVICE, 'shop:8080'), 'http://shop:8080/'],
    ['of a service with its namespace', plain(SERVICE, 'shop.soc:8080'), 'http://shop.soc:8080/'],
    [
      'of a service with its kind',
      plain(SERVICE, 'shop.soc.svc:8080'),
      'http://shop.soc.svc:8080/',
    ],
    [
      'of a name that was looked up short',
      plain({ name: 'shop.soc.svc', port: 80 }, 'shop.soc.svc'),
      'http://shop.soc.svc/',
    ],
    ['of an address', plain(LITERAL, '203.0.113.7:8080'), 'http://203.0.113.7:8080/'],
    [
      'of an IPv6 address in any spelling',
      plain({ address: 'fd00::1', port: 80, synthetic: false }, '[FD00:0::1]'),
      'http://[fd00::1]/',
    ],
  ])('%s', (_, head, expected) => {
    expect(url(head)).toBe(expected);
  });

  it.each<[string, RequestHead, object]>([
    [
      'Host is another name (domain fronting)',
      aRedirectedHead(EDR, 'evil.example', { sni: 'edr.example.com' }),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'Host and server name agree on another name',
      aRedirectedHead(EDR, 'evil.example'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'the server name is another',
      aRedirectedHead(EDR, 'edr.example.com', { sni: 'evil.example' }),
      { code: 'AuthorityMismatch', field: 'TLS server name' },
    ],
    [
      'the server name is the long form and Host the short one',
      aRedirectedHead({ ...SERVICE, port: 443 }, 'shop', { sni: 'shop.soc.svc.cluster.local' }),
      { code: 'AuthorityMismatch', field: 'TLS server name' },
    ],
    [
      ':authority is another name',
      h2(EDR, 'evil.example', { sni: 'edr.example.com' }),
      { code: 'AuthorityMismatch' },
    ],
    [
      'Host differs from a right :authority',
      h2(EDR, 'edr.example.com', { rawHeaders: ['host', 'evil.example'] }),
      { code: 'AuthorityMismatch' },
    ],
    [
      ':authority differs from a right Host',
      h2(EDR, 'evil.example', { sni: 'edr.example.com', rawHeaders: ['host', 'edr.example.com'] }),
      { code: 'AuthorityMismatch', field: ':authority' },
    ],
    [
      'there is no server name',
      aRedirectedHead(EDR, 'edr.example.com', { sni: false }),
      { code: 'ServerNameMissing' },
    ],
    [
      'there is no server name for an address',
      aRedirectedHead({ ...LITERAL, port: 443 }, '203.0.113.7', { sni: false }),
      { code: 'ServerNameMissing' },
    ],
    [
      'the port is left out of Host',
      plain(SERVICE, 'shop'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'the port in Host is another',
      aRedirectedHead(EDR, 'edr.example.com:8443'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'a label, but no search domain, is left out',
      aRedirectedHead(EDR, 'edr'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'more than a search domain is left out',
      plain(SERVICE, 'sho:8080'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'Host is longer than what was looked up',
      plain({ name: 'shop', port: 80 }, 'shop.soc.svc.cluster.local'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'Host is a name and the destination an address',
      plain(LITERAL, 'edr.example.com:8080'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'Host is another address',
      plain(LITERAL, '203.0.113.8:8080'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'Host is an address and the destination a name',
      plain({ ...EDR, port: 80 }, '203.0.113.7'),
      { code: 'AuthorityMismatch', field: 'host' },
    ],
    [
      'Host is missing',
      plain(EDR, 'x', { rawHeaders: [] }),
      { code: 'RequestMalformed', field: 'host' },
    ],
    [
      'Host is there twice',
      plain(EDR, 'x', { rawHeaders: ['Host', 'edr.example.com', 'Host', 'evil.example'] }),
      { code: 'RequestAmbiguous' },
    ],
    [
      'the target is absolute',
      plain({ ...EDR, port: 80 }, 'edr.example.com', { target: 'http://edr.example.com/' }),
      { code: 'TargetRefused', field: 'target' },
    ],
    [
      'the target is of another proxy',
      plain({ name: 'proxy', port: 3128 }, 'proxy:3128', { target: 'http://evil.example/' }),
      { code: 'TargetRefused', field: 'target' },
    ],
    [
      'the target is *',
      plain(EDR, 'edr.example.com:443', { method: 'OPTIONS', target: '*' }),
      { code: 'TargetRefused' },
    ],
    [
      'the address stands for no name',
      aRedirectedHead(FORGOTTEN, 'edr.example.com'),
      { code: 'DestinationUnknown' },
    ],
    [
      'the address stands for no name, even if Host is it',
      plain(FORGOTTEN, '198.18.3.4:443'),
      { code: 'DestinationUnknown' },
    ],
    [
      'what was looked up is no host name',
      aRedirectedHead({ name: 'a b\r\n', port: 443 }, 'a b\r\n'),
      { code: 'TargetRefused' },
    ],
  ])('there is none if %s', (_, head, expected) => {
    expect(refusal(() => url(head))).toMatchObject(expected);
  });

  it('is refused in words that tell how to do it right', () => {
    expect(() => url(plain(LITERAL, 'edr.example.com:8080'))).toThrow(/by DNS in this pod/);
    expect(() => url(aRedirectedHead(FORGOTTEN, 'x'))).toThrow(
      /198\.18\.3\.4 .*Look the name up again/,
    );
  });
});

describe('a redirected call to the API server', () => {
  const kind = (head: RequestHead) =>
    describeHead(
      { ...head, target: '/api/v1/namespaces/soc/pods/web' },
      {
        ...CONTEXT,
        kubernetes: {
          authorities: ['127.0.0.1:6443', ...API_SERVER_NAMES.map((name) => `${name}:443`)],
        },
      },
    ).kind;
  const apiName: Destination = { name: 'kubernetes.default.svc', port: 443 };

  it.each<[string, RequestHead]>([
    [
      'at its address without a server name',
      aRedirectedHead(API, '127.0.0.1:6443', { sni: false }),
    ],
    ['at its address over HTTP/2', h2(API, '127.0.0.1:6443', { sni: false })],
    ['by its name', aRedirectedHead(apiName, 'kubernetes.default.svc')],
    [
      'by its name without a server name',
      aRedirectedHead(apiName, 'kubernetes.default.svc', { sni: false }),
    ],
    [
      'by its short name',
      aRedirectedHead(
        { name: 'kubernetes.default.svc.cluster.local', port: 443 },
        'kubernetes.default',
      ),
    ],
    [
      'by its full name',
      aRedirectedHead(
        { name: 'kubernetes.default.svc.cluster.local', port: 443 },
        'kubernetes.default.svc.cluster.local',
      ),
    ],
  ])('is a Kubernetes action %s', (_, head) => {
    expect(kind(head)).toBe('kubernetes');
  });

  it.each<[string, RequestHead, object]>([
    [
      'that was going elsewhere',
      aRedirectedHead(EDR, 'kubernetes.default.svc', { sni: false }),
      { code: 'AuthorityMismatch' },
    ],
    [
      'that was going to another address',
      aRedirectedHead({ ...LITERAL, port: 443 }, 'kubernetes.default.svc', { sni: false }),
      { code: 'AuthorityMismatch' },
    ],
    [
      'with another Host',
      aRedirectedHead(API, 'edr.example.com', { sni: false }),
      { code: 'AuthorityMismatch' },
    ],
    ['in the clear', plain(API, '127.0.0.1:6443'), { code: 'KubernetesRequestRefused' }],
  ])('is refused %s', (_, head, expected) => {
    expect(refusal(() => url(head))).toMatchObject(expected);
  });
});

it.each<[Destination, string]>([
  [EDR, 'edr.example.com:443'],
  [FORGOTTEN, '198.18.3.4:443'],
  [{ address: 'fd00::1', port: 22, synthetic: false }, '[fd00::1]:22'],
  [{ name: 'a\u202e\n', port: 1 }, 'a??:1'],
])('%j is shown as %s', (destination, text) => {
  expect(destinationText(destination)).toBe(text);
});
