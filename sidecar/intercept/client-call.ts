/** A call as its handler sees it. What many calls never ask for is made on first use: this is every call's path. */

import type { Readable } from 'node:stream';
import type { RequestHead } from '../describe/request-head.ts';
import type { InterceptedCall, ResponseWriter } from './call.ts';
import { type BodyProtocol, emptyBody, RequestBody } from './request-body.ts';

/** What differs between protocols. */
export interface CallSource extends BodyProtocol {
  /** The request's body as the protocol reads it. */
  readonly stream: Readable;
  readonly bodyIsEmpty: boolean;
}

export class ClientCall implements InterceptedCall {
  readonly head: RequestHead;
  readonly respond: ResponseWriter;
  readonly #source: CallSource;
  #body: Readable | undefined;
  #gone: AbortController | undefined;
  #isGone = false;

  constructor(head: RequestHead, respond: ResponseWriter, source: CallSource) {
    this.head = head;
    this.respond = respond;
    this.#source = source;
  }

  get bodyIsEmpty(): boolean {
    return this.#source.bodyIsEmpty;
  }

  get body(): Readable {
    this.#body ??= this.bodyIsEmpty
      ? emptyBody()
      : new RequestBody(this.#source.stream, this.#source);
    return this.#body;
  }

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.#isGone) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  /** The client went away before it had its answer. */
  markGone(): void {
    this.#isGone = true;
    this.#gone?.abort();
  }

  /** Whether the client owes the next step: more of its body, none of which waits here unread, or to take its answer. */
  waitsForClient(): boolean {
    // An HTTP/2 client can close its window on the shortest answer. One that is still piped has the use's deadline.
    if (this.respond.finished) return true;
    const { stream } = this.#source;
    return !this.bodyIsEmpty && !stream.readableEnded && stream.readableLength === 0;
  }

  /** The handler is done: nobody reads the body any more. */
  release(): void {
    if (!this.bodyIsEmpty) this.#body?.destroy();
  }
}
