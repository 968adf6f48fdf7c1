/** Segments of TCP and packets of IPv4, byte by byte, as a raw socket sends them. Text stands for bytes (latin1), as in steps. */

import { isIPv6 } from 'node:net';
import { ipv6Bytes } from './raw-sockets.ts';

/** The urgent pointer of every segment from here, so that it is known where it arrives. */
export const FORGED = 4711;
export const FLAGS = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

const TCP = 6;
const HEADER_BYTES = 20;
const ANY = 0x1234_5678;
const MESSAGE = Buffer.from('secret');
/** How long every segment from here is. */
export const SEGMENT_BYTES = HEADER_BYTES + MESSAGE.length;

interface End {
  readonly address: string;
  readonly port: number;
}

/** A segment with a message, and nothing wrong with it but its flags, or that it belongs to no connection. */
export function segment(from: End, to: End, flags: number, sequence = ANY): string {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(from.port, 0);
  header.writeUInt16BE(to.port, 2);
  header.writeUInt32BE(sequence, 4);
  header.writeUInt32BE(sequence, 8);
  header.writeUInt8((HEADER_BYTES / 4) << 4, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(0xffff, 14);
  header.writeUInt16BE(FORGED, 18);
  const whole = Buffer.concat([header, MESSAGE]);
  const pseudoHeader = [bytesOf(from.address), bytesOf(to.address), words(TCP, whole.length)];
  whole.writeUInt16BE(checksum(Buffer.concat([...pseudoHeader, whole])), 16);
  return whole.toString('latin1');
}

/** An IPv4 packet (RFC 791). */
export function packet(from: string, to: string, protocol: number, payload: string): string {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(HEADER_BYTES + payload.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  bytesOf(from).copy(header, 12);
  bytesOf(to).copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header.toString('latin1') + payload;
}

function bytesOf(address: string): Buffer {
  return isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i);
  return bytes;
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  let sum = 0;
  for (let i = 0; i < even.length; i += 2) sum += even.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
