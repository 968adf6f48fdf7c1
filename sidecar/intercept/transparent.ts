/**
 * How clients reach us that know of no proxy: the packet filter redirects their connections, and their names were given
 * synthetic addresses by our DNS.
 */

import type { Socket } from 'node:net';
import type { Destination } from '../describe/request-head.ts';
import type { OriginalDestination } from './original-destination.ts';
import { lingeringClose } from './refusal.ts';

/** The names behind the addresses that our DNS answered with. */
export interface SyntheticNames {
  nameOf(address: string): string | undefined;
  isSynthetic(address: string): boolean;
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

const REASON = 'HTTP/2 without TLS is not supported: use HTTP/1.1, or TLS.';
/** RFC 9113 7: HTTP_1_1_REQUIRED. */
const HTTP_1_1_REQUIRED = 0x0d;

/** Turns HTTP/2 without TLS away in its own words: SETTINGS, as every server starts (RFC 9113 3.4), and GOAWAY. */
export function refuseHTTP2(socket: Socket): void {
  const goAway = Buffer.alloc(8);
  goAway.writeUInt32BE(HTTP_1_1_REQUIRED, 4);
  const reason = Buffer.concat([goAway, Buffer.from(REASON)]);
  const answer = Buffer.concat([frame(0x04, Buffer.alloc(0)), frame(0x07, reason)]);
  socket.end(answer, () => lingeringClose(socket));
}

/** RFC 9113 4.1, on the connection itself, without flags. */
function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  return Buffer.concat([header, payload]);
}
