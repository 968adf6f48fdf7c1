/** Calls that ask for one thing and mean another. */

import { EXPLICIT_PROXY, getBytes, h2Get, type RawCall, tlsFor } from './raw-calls.ts';

/**
 * Calls that are all for `path` at `other`, by way of `host` or under some other disguise, with the code that each is to be
 * refused with. IDs are those of the bypasses in SECURITY.md.
 */
export function disguisedCalls(
  host: string,
  other: string,
  path: string,
): Readonly<Record<string, readonly [code: string, call: RawCall]>> {
  return {
    'B5 Host, in TLS for another name': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(host), data: getBytes(other, path) },
    ],
    'B5 server name and Host, where another name was looked up': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(other), data: getBytes(other, path) },
    ],
    'B5 the server name alone': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(other), data: getBytes(host, path) },
    ],
    'B5 an absolute target on a connection elsewhere': [
      'TargetRefused',
      { to: [host, 443], ...tlsFor(host), data: getBytes(other, `https://${other}${path}`) },
    ],
    'B6 CONNECT for one, TLS for the other': [
      'AuthorityMismatch',
      { to: EXPLICIT_PROXY, connect: `${host}:443`, ...tlsFor(other), data: getBytes(other, path) },
    ],
    'B6 CONNECT on a redirected connection': [
      'MethodRefused',
      { to: [other, 80], data: `CONNECT ${other}:443 HTTP/1.1\r\nHost: ${other}:443\r\n\r\n` },
    ],
    'B6 CONNECT inside TLS': [
      'MethodRefused',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: `CONNECT ${other}:443 HTTP/1.1\r\nHost: ${other}:443\r\n\r\n`,
      },
    ],
    'B6 plain HTTP inside CONNECT': [
      'ProtocolRefused',
      { to: EXPLICIT_PROXY, connect: `${other}:443`, data: getBytes(other, path) },
    ],
    'B6 another protocol inside CONNECT': [
      'ProtocolRefused',
      { to: EXPLICIT_PROXY, connect: `${other}:443`, data: 'SSH-2.0-test\r\n' },
    ],
    'B9 :authority on a connection for another name': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(host, 'h2'), data: h2Get(other, path) },
    ],
    'B8 an upgrade': [
      'UpgradeRefused',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: getBytes(
          ...[other, path, 'Connection: Upgrade', 'Upgrade: websocket'],
          ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
        ),
      },
    ],
    'B10 another method in a header': [
      'GrantRequired',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: getBytes(other, path, 'X-HTTP-Method-Override: DELETE'),
      },
    ],
    'B10 another path in a header': [
      'GrantRequired',
      { to: [other, 443], ...tlsFor(other), data: getBytes(other, path, 'X-Original-URL: /admin') },
    ],
    'B10 another path in a query': [
      'GrantRequired',
      { to: [other, 443], ...tlsFor(other), data: getBytes(other, `${path}?_method=DELETE`) },
    ],
    'B7 a second request in the body of the first': [
      'BodyInvalid',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: `${getBytes(other, path, 'Content-Length: 60')}${getBytes(other, '/admin')}`,
      },
    ],
  };
}
