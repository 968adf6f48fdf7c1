/** One request on a pool of connections, from its place in the queue to the last byte of its answer. */

import type { Dispatcher } from 'undici';
import type { Clock } from '../time/clock.ts';
import {
  failureText,
  type TransportAnswer,
  TransportError,
  type TransportRequest,
} from './transport.ts';

/** Well below the memory of a replica, since it is held as bytes, text and objects. Lists ask for smaller pages. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Sends the request at most once, and never after its time is up or its signal has fired.
 * @throws TransportError, whose `sent` says whether a byte of the request may have been written
 */
export function dispatchCall(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  { signal, timeoutMilliseconds }: Pick<TransportRequest, 'signal' | 'timeoutMilliseconds'>,
  clock: Clock,
): Promise<TransportAnswer> {
  if (signal?.aborted) {
    return Promise.reject(new TransportError('aborted', { sent: false, aborted: true }));
  }
  const { promise, resolve, reject } = Promise.withResolvers<TransportAnswer>();
  /** There once a connection has begun to write the request. */
  let writing: Dispatcher.DispatchController | undefined;
  let settled = false;
  let status = 0;
  let headers: TransportAnswer['headers'] = {};
  const chunks: Buffer[] = [];
  let length = 0;

  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    return true;
  };
  const fail = (message: string, how: { aborted?: boolean; tooLarge?: boolean } = {}): void => {
    if (!settle()) return;
    const error = new TransportError(message, { sent: writing !== undefined, ...how });
    reject(error);
    writing?.abort(error);
  };
  const onAbort = (): void => fail('aborted', { aborted: true });
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = clock.after(timeoutMilliseconds, () => fail('no answer in time'));

  const handler: Dispatcher.DispatchHandler = {
    /** Called when a connection is there, right before the first byte is written. */
    onRequestStart(controller) {
      if (settled) {
        // Its time was up or it was aborted in the queue, and it is already reported as not sent: so it never is.
        controller.abort(new Error('settled'));
      } else if (writing) {
        // Undici puts a request back into its queue after some kinds of disconnect. A request that may have been sent is
        // never sent again.
        fail('the connection was lost');
        controller.abort(new Error('settled'));
      } else {
        writing = controller;
      }
    },
    onResponseStart(_controller, statusCode, responseHeaders) {
      status = statusCode;
      headers = responseHeaders;
    },
    onResponseData(_controller, chunk) {
      length += chunk.length;
      if (length > ANSWER_LIMIT_BYTES) fail('the answer is too large', { tooLarge: true });
      else chunks.push(chunk);
    },
    onResponseEnd() {
      if (!settle()) return;
      const [first] = chunks;
      const body = chunks.length === 1 && first ? first : Buffer.concat(chunks);
      resolve({ status, headers, body: body.toString('utf8') });
    },
    onResponseError(_controller, error) {
      fail(failureText(error));
    },
  };
  try {
    dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler);
  } catch (error) {
    fail(failureText(error));
  }
  return promise;
}
