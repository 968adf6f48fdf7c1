/** An answer by HTTP/2. */

import type { ServerHttp2Stream } from 'node:http2';
import type { Readable } from 'node:stream';
import { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { ResponseHead, ResponseWriter } from './call.ts';
import { announcedLength, arrivedBody, pump, throwIfFailed } from './pump.ts';

/** RFC 9113 8.2.2: a message with one of these is malformed. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** A date is the service's to say. Node knows the option (lib/internal/http2/core.js), its types do not. */
const AS_IT_CAME: object = { sendDate: false };

export class HTTP2Response implements ResponseWriter {
  readonly #stream: ServerHttp2Stream;
  readonly #isHead: boolean;
  #head: ResponseHead = { status: 500, headers: [] };
  #started = false;
  #finished = false;

  constructor(stream: ServerHttp2Stream, isHead: boolean) {
    this.#stream = stream;
    this.#isHead = isHead;
  }

  get started(): boolean {
    return this.#started;
  }

  get finished(): boolean {
    return this.#finished;
  }

  writeHead(status: number, headers: readonly HeaderPair[]): void {
    this.#head = { status, headers };
  }

  async pipe(body: Readable): Promise<void> {
    throwIfFailed(body);
    const arrived = arrivedBody(body, this.#head.headers);
    if (arrived !== null) return this.end(arrived);
    this.#sendHead();
    if (this.#finished) {
      body.destroy();
      return;
    }
    await pump(body, this.#stream, () => this.abort(), announcedLength(this.#head.headers));
    this.#finished = true;
  }

  end(body?: Uint8Array | string): Promise<void> {
    const isEmpty = body === undefined || body.length === 0;
    // The head itself ends an answer without body: an empty frame after it would be a body to clients of gRPC.
    this.#sendHead(isEmpty);
    if (this.#finished || this.#stream.destroyed) return Promise.resolve();
    this.#finished = true;
    return new Promise((resolve) => {
      this.#stream.once('close', resolve);
      this.#stream.end(body ?? '', resolve);
    });
  }

  abort(): void {
    this.#finished = true;
    // RFC 9113 8.1: a stream that is reset is no complete response. `close` would end it in good order first.
    if (!this.#stream.closed) this.#stream.destroy(new Error('the response was cut off'));
  }

  #sendHead(isEmpty = false): void {
    const { status, headers } = this.#head;
    const flat = [':status', String(status)];
    for (const [given, value] of headers) {
      const name = given.toLowerCase();
      if (!CONNECTION_SPECIFIC.has(name)) flat.push(name, value);
    }
    if (this.#stream.destroyed || this.#stream.closed) return;
    const endStream = isEmpty || this.#isHead || status === 204 || status === 205 || status === 304;
    try {
      this.#stream.respond(flat, { ...AS_IT_CAME, endStream });
    } catch (error) {
      // Such as a status that Node does not write.
      throw new ProblemError(
        'UpstreamProtocolError',
        'The head of the answer cannot be written as HTTP/2.',
        { cause: error },
      );
    }
    this.#started = true;
    this.#finished = endStream;
  }
}
