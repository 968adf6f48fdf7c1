import { Readable } from 'node:stream';

/** A response's body. Destroying it early ends the round trip. */
export class ResponseBody extends Readable {
  readonly #resume: () => void;
  readonly #abandon: () => void;
  #complete = false;

  constructor(resume: () => void, abandon: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#resume = resume;
    this.#abandon = abandon;
    // Whoever reads it hears of errors; one that comes before anybody does must not end the process.
    this.on('error', () => {});
  }

  complete(): void {
    this.#complete = true;
    this.push(null);
  }

  override _read(): void {
    if (!this.#complete) this.#resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#complete) this.#abandon();
    callback(error);
  }
}
