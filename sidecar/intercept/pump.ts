/** Moves a body to the client as it arrives. */

import type { Readable, Writable } from 'node:stream';
import { ProblemError } from '../../api/problem.ts';

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
    if (sink.destroyed) return fail(clientGone());
    source.on('data', onData);
  });
}

export function clientGone(): ProblemError {
  return new ProblemError('CallAborted', 'The client has gone before its response was complete.');
}
