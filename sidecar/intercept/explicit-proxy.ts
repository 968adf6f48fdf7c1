/**
 * How clients reach us as an explicit proxy: absolute-form requests and CONNECT tunnels. A transparent front end would take
 * this file's place; what it hands over (a stream and what is known of its destination) stays the same.
 */

import type { Socket } from 'node:net';
import { asProblem, ProblemError } from '../../api/problem.ts';
import { parseAuthority } from '../../api/url.ts';
import type { ClientConnection } from './connection.ts';
import { refuseRaw } from './refusal.ts';

/** First byte of a TLS record that can start a connection: handshake (RFC 8446 5.1). */
const TLS_HANDSHAKE = 0x16;

export type FirstBytes = 'tls' | 'http' | 'other' | 'none';

/** Looks at a connection's first bytes and leaves them for who reads next. */
export function sniff(socket: Socket, found: (kind: FirstBytes) => void): void {
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
    socket.off('readable', look);
    socket.off('end', look);
    if (chunk !== null) socket.unshift(chunk);
    found(chunk === null ? 'none' : kindOf(chunk));
  };
  socket.on('readable', look);
  socket.on('end', look);
}

function kindOf(chunk: Buffer): FirstBytes {
  const [first = 0, second] = chunk;
  if (first === TLS_HANDSHAKE) return second === undefined || second === 0x03 ? 'tls' : 'other';
  // A method is a token (RFC 9110 5.6.2), and every registered one starts with a capital letter; a stray CRLF may come first
  // (RFC 9112 2.2).
  return (first >= 0x41 && first <= 0x5a) || first === 0x0d || first === 0x0a ? 'http' : 'other';
}

/** Opens the tunnel for a CONNECT request, or refuses it. Returns the host to certify, or null if refused. */
export function openTunnel(
  connection: ClientConnection,
  target: string,
  rest: Buffer,
): string | null {
  const { raw } = connection;
  try {
    const { host, port } = parseAuthority(target, 'CONNECT');
    if (port === null) {
      throw new ProblemError('TargetRefused', 'CONNECT: the target has no port.', {
        field: 'CONNECT',
      });
    }
    connection.connectAuthority = target;
    raw.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (rest.length > 0) raw.unshift(rest);
    return host.startsWith('[') ? host.slice(1, -1) : host;
  } catch (error) {
    refuseRaw(raw, asProblem(error));
    return null;
  }
}
