/** One request and its response over an undici dispatcher. */

import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ProblemError } from '../../core/api/problem.ts';
import type { LiveSecrets } from '../scan/live-secrets.ts';
import { SecretScanner } from '../scan/secret-scanner.ts';
import { codingOf } from './body-coding.ts';
import { type CutCode, type Cutoff, cutError } from './cutoff.ts';
import { EncodedBody, unreadable } from './encoded-body.ts';
import { ForwardError } from './error.ts';
import { credentialEchoed, guardResponseHead, repeatSecret } from './guard-response.ts';
import { headerPairs } from './raw-headers.ts';
import { ResponseBody } from './response-body.ts';
import { Upload } from './upload.ts';
import type { UpstreamRequest, UpstreamResponse } from './upstream.ts';

export interface RoundTripOptions {
  cutoff: Cutoff;
  /** Whether the request carries a credential. */
  credentialed: boolean;
  /** What may not come back: of this call and of every other. */
  secrets: LiveSecrets;
  onDispatched?: (() => void) | undefined;
  /** Called once, when the whole answer is there. */
  onAnswered?: ((status: number) => void) | undefined;
  /** Called once, when nothing of the round trip is left; if it has failed, before undici hears of it. */
  onEnd(failed: boolean): void;
}

/** @throws ForwardError */
export function roundTrip(
  dispatcher: Dispatcher,
  request: UpstreamRequest,
  headers: string[],
  options: RoundTripOptions,
): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    const handler = new RoundTripHandler(request.method, options, resolve, reject);
    const { body } = request;
    try {
      dispatcher.dispatch(
        {
          method: request.method as Dispatcher.HttpMethod,
          path: request.path,
          headers,
          body:
            body instanceof Readable
              ? new Upload(body, options.cutoff, (error) => handler.onUploadError(error))
              : body,
        },
        handler,
      );
    } catch (error) {
      handler.onResponseError(null, error instanceof Error ? error : new Error('not an error'));
    }
  });
}

class RoundTripHandler implements Dispatcher.DispatchHandler {
  readonly #method: string;
  readonly #options: RoundTripOptions;
  readonly #resolve: (response: UpstreamResponse) => void;
  readonly #reject: (error: ForwardError) => void;
  readonly #scanner: SecretScanner;
  #controller: Dispatcher.DispatchController | undefined;
  #body: ResponseBody | undefined;
  /** Its body is written in a way that the scanner does not read. */
  #isOpaque = false;
  #status = 0;
  #dispatched = false;
  #over = false;

  constructor(
    method: string,
    options: RoundTripOptions,
    resolve: (response: UpstreamResponse) => void,
    reject: (error: ForwardError) => void,
  ) {
    this.#method = method;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#scanner = new SecretScanner(options.secrets);
    options.cutoff.listen((code) => this.#cut(code));
  }

  /** Undici calls this on a connected, verified connection, in the same turn as it writes the request. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Undici sends a request again that an HTTP/2 peer says it did not process (REFUSED_STREAM, GOAWAY). A use is sent at
    // most once, whatever the peer says.
    const { code } = this.#options.cutoff;
    if (this.#dispatched) this.#abort(controller, lost(true));
    else if (code !== undefined) this.#abort(controller, cutError(code, false));
    else if (this.#over) controller.abort(new Error('the round trip is over'));
    else {
      this.#controller = controller;
      this.#options.onDispatched?.();
      this.#dispatched = true;
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Informational responses end here: 103 would have the agent's client act before anything was checked.
    if (status < 200 || this.#over) return;
    this.#status = status;
    try {
      const received = headerPairs(controller.rawHeaders);
      const headers = guardResponseHead(status, received, this.#options);
      const coding = codingOf(received);
      this.#isOpaque = coding === 'opaque';
      const { credentialed } = this.#options;
      // Now, while the client can still be told: once bytes of it have come, all there is to do is to cut it off.
      if (coding === 'opaque' && credentialed && this.#hasBody(status)) throw unreadable(true);
      const body = new ResponseBody(
        () => controller.resume(),
        () => this.#abort(controller, cutError('CallAborted', true)),
      );
      this.#body = body;
      const isDecoded = coding !== 'identity' && coding !== 'opaque';
      this.#resolve({
        status,
        headers,
        body: isDecoded ? new EncodedBody(body, coding, this.#options) : body,
      });
    } catch (error) {
      this.#abort(controller, error instanceof ForwardError ? error : lost(true, error));
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    const { code } = this.#options.cutoff;
    if (code !== undefined) {
      this.#abort(controller, cutError(code, true));
      return;
    }
    const safe = this.#scanner.push(chunk);
    const { secrets, credentialed } = this.#options;
    if (this.#isOpaque && secrets.size > 0) this.#abort(controller, unreadable(credentialed));
    else if (safe === null) this.#abort(controller, credentialEchoed());
    else if (safe.length > 0 && this.#body?.push(safe) === false) controller.pause();
  }

  /** RFC 9110 6.4.1. */
  #hasBody(status: number): boolean {
    return this.#method !== 'HEAD' && status !== 204 && status !== 304;
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#over) return;
    // Trailers are not passed on; a secret in them still says what this upstream is.
    const rest = this.#scanner.end();
    if (rest === null || repeatSecret(headerPairs(controller.rawTrailers), this.#options.secrets)) {
      this.#abort(controller, credentialEchoed());
      return;
    }
    if (rest.length > 0) this.#body?.push(rest);
    this.#end(false);
    this.#options.onAnswered?.(this.#status);
    this.#body?.complete();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(this.#asForwardError(error));
  }

  onUploadError(error: Error): void {
    this.#fail(this.#asForwardError(error));
  }

  #cut(code: CutCode): void {
    const error = cutError(code, this.#dispatched);
    if (this.#controller === undefined) this.#fail(error);
    else this.#abort(this.#controller, error);
  }

  #abort(controller: Dispatcher.DispatchController, error: ForwardError): void {
    this.#fail(error);
    controller.abort(error);
  }

  #fail(error: ForwardError): void {
    if (this.#over) return;
    this.#end(true);
    if (this.#body === undefined) this.#reject(error);
    else this.#body.destroy(error);
  }

  #end(failed: boolean): void {
    this.#over = true;
    this.#options.cutoff.dispose();
    this.#options.onEnd(failed);
  }

  #asForwardError(error: Error): ForwardError {
    if (error instanceof ForwardError) return error;
    // The request's body failed: its reason is the caller's (a client that went away, trailers).
    if (error instanceof ProblemError) {
      return new ForwardError(error.code, this.#dispatched, error.detail, { cause: error });
    }
    if (!this.#dispatched && 'code' in error && error.code === 'UND_ERR_INVALID_ARG') {
      return new ForwardError(
        'RequestMalformed',
        false,
        'The request cannot be written as HTTP/1.1.',
        { cause: error },
      );
    }
    return lost(this.#dispatched, error);
  }
}

function lost(dispatched: boolean, cause?: unknown): ForwardError {
  return new ForwardError(
    dispatched ? 'UpstreamProtocolError' : 'UpstreamUnreachable',
    dispatched,
    dispatched
      ? 'The connection to the host ended, or its answer was not HTTP, before the exchange was complete.'
      : 'The connection to the host ended before the request was sent.',
    cause === undefined ? {} : { cause },
  );
}
