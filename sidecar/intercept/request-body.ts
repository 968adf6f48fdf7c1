/** A request's body as the handler sees it, apart from the connection that carries it. */

import { Readable } from 'node:stream';
import { ProblemError } from '../../core/api/problem.ts';

/** A body that is known to be empty. */
export function emptyBody(): Readable {
  return new Readable({
    read() {
      this.push(null);
    },
  });
}

/** What only the protocol below knows of a body. */
export interface BodyProtocol {
  hasTrailers(): boolean;
  /** Whether an end of the source is not the end of the body: HTTP/2 ends a stream that was reset as well. */
  isCut(): boolean;
  onFirstRead(): void;
}

/**
 * Destroying it stops the reading and leaves the connection alone, so that a refusal can still be answered. Trailers turn
 * its end into an error: they belong to no action (`Authorization` in a trailer is a known way past a proxy).
 */
export class RequestBody extends Readable {
  readonly #source: Readable;
  readonly #onFirstRead: () => void;
  #reading = false;

  constructor(source: Readable, protocol: BodyProtocol) {
    super({ highWaterMark: source.readableHighWaterMark });
    this.#source = source;
    this.#onFirstRead = protocol.onFirstRead;
    // After a refusal nobody reads the body, and an error that nobody listens to would end the process.
    this.on('error', () => undefined);
    source.on('error', (error) => this.destroy(cut(error)));
    source.on('close', () => {
      if (!source.readableEnded) this.destroy(cut());
    });
    source.on('end', () => {
      if (protocol.isCut()) this.destroy(cut());
      else if (protocol.hasTrailers()) this.destroy(trailersRefused());
      else this.push(null);
    });
    // A handler that waits for something else does not listen, and its client's going away must not end the process.
    this.on('error', () => {});
    // What ended before the handler asked for the body will not say so again.
    if (source.destroyed || source.readableEnded) this.destroy(cut());
  }

  override _read(): void {
    if (this.#reading) {
      this.#source.resume();
      return;
    }
    this.#reading = true;
    this.#onFirstRead();
    this.#source.on('data', (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) this.#source.pause();
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // The rest of an unread body is drained by the connection, up to a limit of its own.
    if (this.#reading && !this.#source.readableEnded) this.#source.pause();
    callback(error);
  }
}

function cut(cause?: Error): ProblemError {
  return new ProblemError(
    'CallAborted',
    'The client closed the connection within its request body.',
    cause === undefined ? {} : { cause },
  );
}

function trailersRefused(): ProblemError {
  return new ProblemError(
    'HeaderRefused',
    'The request has trailers, which no grant can cover; send every header before the body.',
    { field: 'trailers' },
  );
}
