/** Tells by its first bytes what a connection speaks. */

import type { Socket } from 'node:net';

export type FirstBytes =
  | 'tls'
  | 'http'
  /** HTTP/2 without TLS (RFC 9113 3.3, prior knowledge). */
  | 'http2'
  /** The client has ended its side without a byte. */
  | 'none'
  | 'other';

/** First byte of a TLS record that can start a connection: handshake (RFC 8446 5.1). */
const TLS_HANDSHAKE = 0x16;
/** RFC 9113 3.4: starts every HTTP/2 connection, and no request of HTTP/1. */
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n';
/** A method is a token (RFC 9110 5.6.2), and every registered one is of capital letters. The longest has 17. */
const METHOD = /^[A-Z][A-Z-]{0,31}(?: |$)/;

/**
 * Looks at a connection's first bytes and leaves them for who reads next. It waits for as many as it takes to tell: a
 * client may send a single one first.
 *
 * @param found called once, unless the socket is destroyed first; `bytes` are those that were seen
 */
export function sniff(socket: Socket, found: (kind: FirstBytes, bytes: Buffer) => void): void {
  let bytes = Buffer.alloc(0);
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) bytes = Buffer.concat([bytes, chunk]);
    if (socket.destroyed) return;
    const kind = kindOf(bytes) ?? (socket.readableEnded ? endedAs(bytes) : undefined);
    if (kind === undefined) return;
    socket.off('readable', look);
    socket.off('end', look);
    // After its end a stream takes nothing back, and nobody is there to be answered.
    if (bytes.length > 0 && !socket.readableEnded) socket.unshift(bytes);
    found(kind, bytes);
  };
  socket.on('readable', look);
  socket.on('end', look);
}

function endedAs(bytes: Buffer): FirstBytes {
  return bytes.length === 0 ? 'none' : 'other';
}

/** Undefined: it takes more bytes to tell. */
function kindOf(bytes: Buffer): FirstBytes | undefined {
  const [first, second] = bytes;
  if (first === undefined) return undefined;
  if (first === TLS_HANDSHAKE) {
    if (second === undefined) return undefined;
    return second === 0x03 ? 'tls' : 'other';
  }
  // A stray CRLF may come before a request line (RFC 9112 2.2).
  if (first === 0x0d || first === 0x0a) return 'http';
  const text = bytes.toString('latin1', 0, 40);
  if (HTTP2_PREFACE.startsWith(text.slice(0, HTTP2_PREFACE.length))) {
    return text.length >= HTTP2_PREFACE.length ? 'http2' : undefined;
  }
  const method = METHOD.exec(text)?.[0];
  if (method === undefined) return 'other';
  return method.endsWith(' ') ? 'http' : undefined;
}
