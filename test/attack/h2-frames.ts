/** HTTP/2 frames as bytes, for requests that no HTTP/2 client would let one send (RFC 9113, RFC 7541). */

const DATA = 0x0;
const HEADERS = 0x1;
const RST_STREAM = 0x3;
const SETTINGS = 0x4;
const GOAWAY = 0x7;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;

export interface H2Request {
  headers: readonly (readonly [string, string])[];
  data?: Uint8Array;
  trailers?: readonly (readonly [string, string])[];
}

/** A client's whole side of a connection with one request, on stream 1. */
export function h2Connection({ headers, data, trailers }: H2Request): Buffer {
  const last = trailers !== undefined ? 'trailers' : data !== undefined ? 'data' : 'headers';
  const end = (part: string) => (part === last ? END_STREAM : 0);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(SETTINGS, 0, 0, Buffer.alloc(0)),
    frame(HEADERS, END_HEADERS | end('headers'), 1, hpack(headers)),
    ...(data === undefined ? [] : [frame(DATA, end('data'), 1, Buffer.from(data))]),
    ...(trailers === undefined
      ? []
      : [frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(trailers))]),
  ]);
}

/** Whether the server's bytes end stream 1, or the connection, with an error. */
export function wasReset(received: Uint8Array): boolean {
  return [...frames(Buffer.from(received))].some(
    ({ type }) => type === RST_STREAM || type === GOAWAY,
  );
}

/** The answer on stream 1: its body as JSON, or null if the stream was reset. Null as a whole: not complete yet. */
export function readAnswer(received: Uint8Array): { body: unknown; count: number } | null {
  let body = '';
  for (const { type, flags, stream, payload } of frames(Buffer.from(received))) {
    if (type === RST_STREAM || type === GOAWAY) return { body: null, count: 0 };
    if (type === DATA && stream === 1) body += payload.toString('utf8');
    const ends = (type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0;
    if (ends && stream === 1) return { body: body === '' ? null : JSON.parse(body), count: 1 };
  }
  return null;
}

interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** The complete frames. */
function* frames(bytes: Buffer): Generator<Frame> {
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) return;
    yield {
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    };
    at = end;
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal header fields without indexing and without Huffman coding: every byte as given. */
function hpack(headers: readonly (readonly [string, string])[]): Buffer {
  const fields = headers.map(([name, value]) =>
    Buffer.concat([Buffer.of(0), literal(name), literal(value)]),
  );
  return Buffer.concat(fields);
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length > 126) throw new RangeError('longer than one length byte can say');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
