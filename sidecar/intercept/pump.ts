/** Moves a body to the client as it arrives. */

import type { Readable, Writable } from 'node:stream';
import { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';

/**
 * Written out rather than `stream.pipeline`, which throws synchronously if the sink is already gone, and which ends the sink
 * in good order on some of the errors that must show as a cut. Resolves once the last byte went to the socket: a client that
 * has all it was promised may go at once, and by HTTP/2 it often does so before our side has heard of the stream's end.
 *
 * @param length of the body, if the head that was sent names it
 */
export function pump(
  source: Readable,
  sink: Writable,
  cutOff: () => void,
  length = Number.POSITIVE_INFINITY,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = length;
    let unwritten = 0;
    let settled = false;
    const isWhole = (): boolean => source.readableEnded || left === 0;
    const succeed = (): void => {
      settled = true;
      source.destroy();
      resolve();
    };
    const fail = (error: Error): void => {
      if (settled) return;
      settled = true;
      source.off('data', onData);
      source.destroy();
      cutOff();
      reject(error);
    };
    const onWritten = (error?: Error | null): void => {
      if (error == null) unwritten -= 1;
    };
    const onData = (chunk: Buffer): void => {
      if (chunk.length > left) {
        fail(new Error('the body is longer than its head says'));
        return;
      }
      unwritten += 1;
      left -= chunk.length;
      if (!sink.write(chunk, onWritten)) source.pause();
      // The end goes out with the last byte, however late the upstream sends its own.
      if (left === 0) sink.end();
    };
    source.on('error', fail);
    source.on('close', () => {
      if (!isWhole()) fail(new Error('the body closed before its end'));
    });
    sink.on('close', () => {
      if (isWhole() && unwritten === 0) succeed();
      else fail(clientGone());
    });
    // An HTTP/2 stream that its client resets also finishes, without anybody having ended it.
    sink.on('finish', () => (isWhole() ? succeed() : fail(clientGone())));
    sink.on('drain', () => source.resume());
    source.on('end', () => {
      if (!sink.writableEnded) sink.end();
    });
    // What ended before we came to listen will not say so again.
    if (sink.destroyed) fail(clientGone());
    else if (source.destroyed) fail(source.errored ?? new Error('the body was cut off'));
    else source.on('data', onData);
  });
}

/** The length that a head names. That of an answer to HEAD has no body to it, which then ends before. */
export function announcedLength(headers: readonly HeaderPair[]): number | undefined {
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  return length !== undefined && /^[0-9]+$/.test(length) ? Number(length) : undefined;
}

/** A body that failed before its head was sent: there is still time to say so in words. */
export function throwIfFailed(source: Readable): void {
  if (source.errored !== null) throw source.errored;
}

/**
 * The whole body, if it has arrived already, as small ones usually have: it can then leave with the head, in one write.
 */
export function arrivedBody(source: Readable, headers: readonly HeaderPair[]): Buffer | null {
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  if (source.destroyed || String(source.readableLength) !== length) return null;
  const body = (source.read() as Buffer | null) ?? Buffer.alloc(0);
  source.on('error', () => {}).destroy();
  return body;
}

export function clientGone(): ProblemError {
  return new ProblemError('CallAborted', 'The client has gone before its response was complete.');
}
