/** HTTP/2 without TLS, turned away in its own words. */

import type { Socket } from 'node:net';
import { lingeringClose } from './refusal.ts';

const REASON = 'HTTP/2 without TLS is not supported: use HTTP/1.1, or TLS.';
/** RFC 9113 7: HTTP_1_1_REQUIRED. */
const HTTP_1_1_REQUIRED = 0x0d;

/** Sends SETTINGS, as every server starts (RFC 9113 3.4), and GOAWAY, and closes the connection. */
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
