/** A streamed request body on its way to the upstream. */

import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { type Cutoff, cutError } from './cutoff.ts';

/**
 * Passes nothing once the round trip is cut, even if the timer is late. Whatever becomes of the upload, the source is left
 * alone: on HTTP/1 it shares a connection with the answer that its client still has to get.
 */
export class Upload extends Transform {
  readonly #cutoff: Cutoff;
  readonly #source: Readable;
  readonly #onFailure: (error: Error) => void;

  /** @param onFailure called before anybody else hears that the upload has failed */
  constructor(source: Readable, cutoff: Cutoff, onFailure: (error: Error) => void) {
    super();
    this.#cutoff = cutoff;
    this.#source = source;
    this.#onFailure = onFailure;
    source.on('error', (error) => this.destroy(error));
    source.on('close', () => {
      if (!source.readableEnded) this.destroy(new Error('the request body ended early'));
    });
    // Undici listens for errors only from the dispatch on.
    this.on('error', () => {});
    // A source that has ended before will not emit its end again.
    if (source.destroyed || source.readableEnded)
      this.destroy(new Error('no request body is left'));
    else source.pipe(this);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const { code } = this.#cutoff;
    if (code === undefined) done(null, chunk);
    else done(cutError(code, true));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#source.unpipe(this);
    if (error !== null) this.#onFailure(error);
    callback(error);
  }
}
