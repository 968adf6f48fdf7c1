/** One client connection: what is known of it, which calls it carries, and when it has been idle for too long. */

import type { Socket } from 'node:net';
import type { Destination, RequestHead } from '../describe/request-head.ts';
import type { InterceptLimits } from './limits.ts';

/** What a connection needs to know of a call in flight. */
export interface CallInFlight {
  /** Whether the client owes the next step: more of its body, none of which waits here unread, or to take its answer. */
  waitsForClient(): boolean;
}

export class ClientConnection {
  readonly raw: Socket;
  /** Where it was going; set if it was redirected. */
  destination: Destination | undefined;
  /** Set once the connection is a CONNECT tunnel. */
  connectAuthority: string | undefined;
  /** Set once TLS is up. */
  sni: string | false | undefined;
  /** Ends the connection in good order, once it carries no call. */
  finish: () => void;
  readonly #calls = new Set<CallInFlight>();
  readonly #limits: InterceptLimits;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout;
  #hasServed = false;
  #closing = false;
  /** Whether the last check found nothing moving. */
  #stalled = false;
  #bytesMoved = 0;

  constructor(raw: Socket, limits: InterceptLimits, onIdle: () => void) {
    this.raw = raw;
    this.#limits = limits;
    this.#onIdle = onIdle;
    this.finish = () => raw.destroySoon();
    this.#timer = setTimeout(() => this.#check(), limits.headMilliseconds).unref();
    // Every failure of the socket also closes it; what it carried hears of it by its own streams.
    raw.on('error', () => raw.destroy());
    raw.once('close', () => clearTimeout(this.#timer));
  }

  get via(): RequestHead['via'] {
    if (this.destination !== undefined) return 'transparent';
    return this.connectAuthority === undefined ? 'absolute-form' : 'connect';
  }

  get busy(): boolean {
    return this.#calls.size > 0;
  }

  begin(call: CallInFlight): void {
    if (!this.#hasServed) {
      this.#hasServed = true;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#check(), this.#limits.idleMilliseconds).unref();
    }
    this.#calls.add(call);
    this.#rest();
  }

  end(call: CallInFlight): void {
    this.#calls.delete(call);
    if (this.#closing && !this.busy) this.finish();
    else this.#rest();
  }

  /** Closes the connection as soon as it carries no call. */
  closeWhenIdle(): void {
    this.#closing = true;
    if (!this.busy) this.finish();
  }

  /**
   * Cuts the connection so that what was sent cannot pass for complete: a plain FIN ends an HTTP/1.0 body in good order
   * (RFC 9112 8), a reset does not.
   */
  reset(): void {
    if (!this.raw.destroyed) this.raw.resetAndDestroy();
  }

  #rest(): void {
    this.#stalled = false;
    this.#bytesMoved = this.#moved();
    this.#timer.refresh();
  }

  /** In both directions; what waits here for the client to read on has not moved. */
  #moved(): number {
    return this.raw.bytesRead + this.raw.bytesWritten - this.raw.writableLength;
  }

  #check(): void {
    const stalled =
      this.#moved() === this.#bytesMoved && [...this.#calls].some((call) => call.waitsForClient());
    // Seen twice: an answer that was finished this very moment has had no time to move.
    if (this.busy && !(stalled && this.#stalled)) {
      this.#rest();
      this.#stalled = stalled;
      return;
    }
    // A head that trickles in never rests the timer: only a whole request does.
    this.#onIdle();
    this.raw.destroy();
  }
}
