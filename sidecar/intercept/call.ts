/** What the interceptor yields: one intercepted call at a time, whatever protocol it came over. */

import type { Readable } from 'node:stream';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { RequestHead } from '../describe/request-head.ts';

export interface ResponseHead {
  status: number;
  headers: readonly HeaderPair[];
  /** What HTTP/1.1 says beside the status, after the phrase that is usual there (RFC 9112 4). Printable ASCII. */
  reason?: string | undefined;
}

export interface InterceptedCall {
  readonly head: RequestHead;
  /**
   * The request's body. Reading it asks the client to continue (RFC 9110 10.1.1). It errors with ProblemError
   * HeaderRefused if trailers follow: they would be part of the action, and nothing compares them.
   */
  readonly body: Readable;
  /** Whether the head already says that no body follows. */
  readonly bodyIsEmpty: boolean;
  readonly respond: ResponseWriter;
  /** Aborted when the client has gone before its response was complete. */
  readonly signal: AbortSignal;
}

/** The way back to the client. After `end`, `pipe` or `abort` nothing more is written. */
export interface ResponseWriter {
  /** Whether the head went out: after that a failure can only be shown by `abort`. */
  readonly started: boolean;
  /** Whether the response is complete or was aborted. */
  readonly finished: boolean;
  /** Sets the head, final status only. It leaves with the first of `pipe` and `end`, so until then it can be set anew. */
  writeHead(status: number, headers: readonly HeaderPair[], reason?: string): void;
  /**
   * Sends a body as it arrives, with backpressure. If the body fails, this rejects with its error, and the response is cut
   * off; one that failed before anything was sent leaves the response unstarted, so that a refusal can take its place.
   */
  pipe(body: Readable): Promise<void>;
  /** Sends a short body, or none. */
  end(body?: Uint8Array | string): Promise<void>;
  /** Cuts the response off so that the client cannot take it for complete. */
  abort(): void;
}

/** Answers one call. What it throws becomes a problem document, or an aborted response once the head is out. */
export type CallHandler = (call: InterceptedCall) => Promise<void>;
