/** An answer by HTTP/1. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { http } from '../../process/node-http.ts';
import type { ResponseHead, ResponseWriter } from './call.ts';
import type { ClientConnection } from './connection.ts';
import { announcedLength, arrivedBody, pump, throwIfFailed } from './pump.ts';

export class HTTP1Response implements ResponseWriter {
  readonly #res: ServerResponse;
  readonly #req: IncomingMessage;
  readonly #connection: ClientConnection;
  #head: ResponseHead = { status: 500, headers: [] };
  #aborted = false;

  constructor(res: ServerResponse, req: IncomingMessage, connection: ClientConnection) {
    this.#res = res;
    this.#req = req;
    this.#connection = connection;
    res.sendDate = false;
  }

  get started(): boolean {
    return this.#res.headersSent;
  }

  get finished(): boolean {
    return this.#aborted || this.#res.writableEnded;
  }

  writeHead(status: number, headers: readonly HeaderPair[], reason?: string): void {
    this.#head = { status, headers, reason };
  }

  async pipe(body: Readable): Promise<void> {
    throwIfFailed(body);
    const arrived = arrivedBody(body, this.#head.headers);
    if (arrived !== null) return this.end(arrived);
    this.#sendHead();
    const done = pump(body, this.#res, () => this.abort(), announcedLength(this.#head.headers));
    // A stream of events may be silent for long after its head: the client must see the head all the same. Waiting for one
    // turn lets a body that is already here leave in the same packet.
    setImmediate(() => {
      if (!this.#res.destroyed && !this.#res.writableEnded) this.#res.flushHeaders();
    });
    await done;
  }

  end(body?: Uint8Array | string): Promise<void> {
    if (this.#res.destroyed) {
      // Its client has gone, and it will not close again: waiting for that, the call would never end.
      this.#aborted = true;
      return Promise.resolve();
    }
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    this.#sendHead(length);
    return new Promise((resolve) => {
      this.#res.once('close', resolve);
      if (body === undefined) this.#res.end(resolve);
      else this.#res.end(body, resolve);
    });
  }

  abort(): void {
    this.#aborted = true;
    this.#connection.reset();
    this.#res.destroy();
  }

  #sendHead(length?: number): void {
    const { status, headers, reason } = this.#head;
    const flat: string[] = [];
    for (const [name, value] of headers) flat.push(name, value);
    const bodiless = this.#req.method === 'HEAD' || status === 204 || status === 304;
    if (length !== undefined && !bodiless && !headers.some(([n]) => n === 'content-length')) {
      flat.push('content-length', String(length));
    }
    if (reason === undefined) this.#res.writeHead(status, flat);
    else this.#res.writeHead(status, reasonPhrase(status, reason), flat);
  }
}

/** Some clients look for the usual phrase, so it comes first. */
export function reasonPhrase(status: number, reason: string): string {
  return `${http.STATUS_CODES[status] ?? 'Refused'}: ${reason}`;
}
