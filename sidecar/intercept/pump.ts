/** Moves a body to the client as it arrives. */

import type { Readable, Writable } from 'node:stream';
import { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';

/**
 * Written out rather than `stream.pipeline`, which throws synchronously if the sink is already gone, and which ends the sink
 * in good order on some of the errors that must show as a cut. Resolves once the last byte went to the socket.
 */
export function pump(source: Readable, sink: Writable, cutOff: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      source.off('data', onData);
      source.destroy();
      cutOff();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      if (!sink.write(chunk)) source.pause();
    };
    source.on('error', fail);
    source.on('close', () => {
      if (!source.readableEnded) fail(new Error('the body closed before its end'));
    });
    sink.on('close', () => {
      if (!sink.writableFinished) fail(clientGone());
    });
    // An HTTP/2 stream that its client resets also finishes, without anybody having ended it.
    sink.on('finish', () => (source.readableEnded ? resolve() : fail(clientGone())));
    sink.on('drain', () => source.resume());
    source.on('end', () => sink.end());
    // What ended before we came to listen will not say so again.
    if (sink.destroyed) fail(clientGone());
    else if (source.destroyed) fail(source.errored ?? new Error('the body was cut off'));
    else source.on('data', onData);
  });
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
