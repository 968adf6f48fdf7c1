/** Reads a body that a grant may have to be compared with, up to the buffering limit. */

import { PassThrough, type Readable } from 'node:stream';
import type { MemoryHold } from './memory-budget.ts';

export type CallBody =
  | { kind: 'none' }
  | { kind: 'whole'; bytes: Buffer }
  /** Over the limit: only `Any` can match. `stream` yields it from its first byte. */
  | { kind: 'tooLarge'; stream: Readable };

const NOTHING = Buffer.alloc(0);

/** @throws ProblemError TooManyRequests if the hold has no more room, and whatever the stream errors with */
export async function readBody(
  body: Readable,
  limitBytes: number,
  hold?: MemoryHold,
): Promise<CallBody> {
  // One buffer that grows, not a list of chunks: a body sent byte by byte would take hundreds of times its size.
  let room: Buffer = NOTHING;
  let size = 0;
  const iterator = body.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  for await (const chunk of iterator) {
    if (size + chunk.length > room.length) {
      const grown = size === 0 ? chunk.length : Math.max(2 * room.length, size + chunk.length);
      hold?.take(grown - room.length);
      room = size === 0 ? chunk : Buffer.concat([room.subarray(0, size)], grown);
    }
    if (size > 0) chunk.copy(room, size);
    size += chunk.length;
    if (size > limitBytes)
      return { kind: 'tooLarge', stream: rejoin(room.subarray(0, size), body) };
  }
  return size === 0 ? { kind: 'none' } : { kind: 'whole', bytes: room.subarray(0, size) };
}

/** What was read already, then the rest. */
function rejoin(start: Buffer, rest: Readable): Readable {
  const joined = new PassThrough();
  // It can fail before anybody reads it, while its call waits for its authorization: an error without a listener would end
  // the process. Whoever reads it then finds it destroyed.
  joined.on('error', () => {});
  joined.write(start);
  rest.on('error', (error) => joined.destroy(error));
  joined.on('close', () => {
    if (!rest.readableEnded) rest.destroy();
  });
  rest.pipe(joined);
  return joined;
}
