/**
 * How clients reach us that know of no proxy: the packet filter redirects their connections, and their names were given
 * synthetic addresses by our DNS.
 */

import type { Socket } from 'node:net';
import type { Destination } from '../describe/request-head.ts';
import type { ClientConnection } from './connection.ts';
import { type FirstBytes, sniff } from './first-bytes.ts';
import type { FrontEnd } from './front-end.ts';
import type { OriginalDestination } from './original-destination.ts';
import { protocolHint } from './protocol-hint.ts';
import { refuseHTTP2 } from './refuse-http2.ts';

/** The names behind the addresses that our DNS answered with. */
export interface SyntheticNames {
  nameOf(address: string): string | undefined;
  isSynthetic(address: string): boolean;
}

export interface TransparentFrontEnd extends FrontEnd {
  readonly names: SyntheticNames;
  readonly originalDestination: OriginalDestination;
  /** From a connection's start to bytes that tell its protocol. */
  readonly silenceMilliseconds: number;
}

export function acceptRedirected(frontEnd: TransparentFrontEnd, raw: Socket): void {
  const { admission, onEvent } = frontEnd;
  const connection = admission.admit(raw);
  if (connection === null) return;
  const destination = destinationOf(raw, frontEnd.originalDestination, frontEnd.names);
  if (destination === null) {
    onEvent({ type: 'ConnectionRefused', reason: 'NotRedirected' });
    raw.destroy();
    return;
  }
  connection.destination = destination;
  const turnAway = (bytes: Buffer): void => {
    const protocol = protocolHint(bytes, destination.port);
    onEvent({ type: 'ProtocolRefused', protocol, destination });
    raw.destroy();
  };
  const silence = setTimeout(() => turnAway(Buffer.alloc(0)), frontEnd.silenceMilliseconds).unref();
  raw.once('close', () => clearTimeout(silence));
  sniff(raw, (kind, bytes) => {
    clearTimeout(silence);
    SERVE[kind](frontEnd, connection, destination, () => turnAway(bytes));
  });
}

/** @returns where a connection was going; null if it was not redirected, and must be closed */
export function destinationOf(
  socket: Socket,
  originalDestination: OriginalDestination,
  names: SyntheticNames,
): Destination | null {
  const original = originalDestination(socket);
  if (original === null) return null;
  const { address, port } = original;
  const synthetic = names.isSynthetic(address);
  const name = synthetic ? names.nameOf(address) : undefined;
  return name === undefined ? { address, port, synthetic } : { name, port };
}

/** By what the connection speaks. */
const SERVE: Readonly<
  Record<
    FirstBytes,
    (
      frontEnd: FrontEnd,
      connection: ClientConnection,
      destination: Destination,
      turnAway: () => void,
    ) => void
  >
> = {
  tls: ({ server }, connection, destination) =>
    server.serveTLS(connection, 'name' in destination ? destination.name : destination.address),
  http: ({ server }, connection) => server.serveHTTP(connection),
  http2({ onEvent }, connection, destination) {
    onEvent({ type: 'ProtocolRefused', protocol: 'HTTP/2 without TLS', destination });
    refuseHTTP2(connection.raw);
  },
  none: (_frontEnd, connection) => connection.raw.destroy(),
  other: (_frontEnd, _connection, _destination, turnAway) => turnAway(),
};
