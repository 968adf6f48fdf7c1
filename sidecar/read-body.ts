/** Reads a body that a grant may have to be compared with, up to the buffering limit. */

import { PassThrough, type Readable } from 'node:stream';

export type CallBody =
  | { kind: 'none' }
  | { kind: 'whole'; bytes: Buffer }
  /** Over the limit: only `Any` can match. `stream` yields it from its first byte. */
  | { kind: 'tooLarge'; stream: Readable };

/** @throws whatever the stream errors with */
export async function readBody(body: Readable, limitBytes: number): Promise<CallBody> {
  const chunks: Buffer[] = [];
  let size = 0;
  const iterator = body.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  for await (const chunk of iterator) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limitBytes) return { kind: 'tooLarge', stream: rejoin(chunks, body) };
  }
  return size === 0 ? { kind: 'none' } : { kind: 'whole', bytes: Buffer.concat(chunks, size) };
}

/** What was read already, then the rest. */
function rejoin(chunks: readonly Buffer[], rest: Readable): Readable {
  const joined = new PassThrough();
  for (const chunk of chunks) joined.write(chunk);
  rest.on('error', (error) => joined.destroy(error));
  joined.on('close', () => {
    if (!rest.readableEnded) rest.destroy();
  });
  rest.pipe(joined);
  return joined;
}
