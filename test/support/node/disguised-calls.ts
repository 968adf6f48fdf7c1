/** Calls that ask for one thing and mean another. */

import { EXPLICIT_PROXY, getBytes, h2Get, type RawCall, tlsFor } from './raw-calls.ts';

/**
 * Calls that are all for `path` at `other`, by way of `host` or under some other disguise, with the code that each is to be
 * refused with. Numbers are rows of the list of bypasses reported against similar designs.
 */
export function disguisedCalls(
  host: string,
  other: string,
  path: string,
): Readonly<Record<string, readonly [code: string, call: RawCall]>> {
  return {
    '#5 Host, in TLS for another name': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(host), data: getBytes(other, path) },
    ],
    '#5 server name and Host, where another name was looked up': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(other), data: getBytes(other, path) },
    ],
    '#5 the server name alone': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(other), data: getBytes(host, path) },
    ],
    '#5 an absolute target on a connection elsewhere': [
      'TargetRefused',
      { to: [host, 443], ...tlsFor(host), data: getBytes(other, `https://${other}${path}`) },
    ],
    '#6 CONNECT for one, TLS for the other': [
      'AuthorityMismatch',
      { to: EXPLICIT_PROXY, connect: `${host}:443`, ...tlsFor(other), data: getBytes(other, path) },
    ],
    '#6 CONNECT on a redirected connection': [
      'MethodRefused',
      { to: [other, 80], data: `CONNECT ${other}:443 HTTP/1.1\r\nHost: ${other}:443\r\n\r\n` },
    ],
    '#6 CONNECT inside TLS': [
      'MethodRefused',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: `CONNECT ${other}:443 HTTP/1.1\r\nHost: ${other}:443\r\n\r\n`,
      },
    ],
    '#6 plain HTTP inside CONNECT': [
      'ProtocolRefused',
      { to: EXPLICIT_PROXY, connect: `${other}:443`, data: getBytes(other, path) },
    ],
    '#6 another protocol inside CONNECT': [
      'ProtocolRefused',
      { to: EXPLICIT_PROXY, connect: `${other}:443`, data: 'SSH-2.0-test\r\n' },
    ],
    '#9 :authority on a connection for another name': [
      'AuthorityMismatch',
      { to: [host, 443], ...tlsFor(host, 'h2'), data: h2Get(other, path) },
    ],
    '#8 an upgrade': [
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
    '#10 another method in a header': [
      'GrantRequired',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: getBytes(other, path, 'X-HTTP-Method-Override: DELETE'),
      },
    ],
    '#10 another path in a header': [
      'GrantRequired',
      { to: [other, 443], ...tlsFor(other), data: getBytes(other, path, 'X-Original-URL: /admin') },
    ],
    '#10 another path in a query': [
      'GrantRequired',
      { to: [other, 443], ...tlsFor(other), data: getBytes(other, `${path}?_method=DELETE`) },
    ],
    '#7 a second request in the body of the first': [
      'BodyInvalid',
      {
        to: [other, 443],
        ...tlsFor(other),
        data: `${getBytes(other, path, 'Content-Length: 60')}${getBytes(other, '/admin')}`,
      },
    ],
  };
}
