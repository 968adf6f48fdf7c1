/** The transport over Undici: shared keep-alive connections, with credentials that are read again when they rotate. */

import type { Dispatcher } from 'undici';
import { dispatchCall } from './call.ts';
import { type Connected, type ConnectionsOptions, createConnections } from './connections.ts';
import {
  failureText,
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportStream,
} from './transport.ts';

export interface TransportOptions extends ConnectionsOptions {
  userAgent: string;
}

export function createTransport(options: TransportOptions): Transport {
  const { userAgent, clock } = options;
  const connections = createConnections(options);

  const dispatchOptions = (
    { access }: Connected,
    { method, path, body, contentType }: TransportRequest,
  ): Dispatcher.DispatchOptions => ({
    origin: access.origin,
    method,
    path: access.basePath + path,
    headers: {
      // The JWKS comes only under its own media type (RFC 7517 8.5.1).
      accept: 'application/json, application/jwk-set+json',
      'user-agent': userAgent,
      ...access.headers,
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
    },
    body: body ?? null,
  });

  const openStream = async (to: Connected, request: TransportRequest): Promise<TransportStream> => {
    const { signal, timeoutMilliseconds } = request;
    const head = new AbortController();
    const timer = clock.after(timeoutMilliseconds, () => head.abort());
    try {
      const answer = await to.streams.request({
        ...dispatchOptions(to, request),
        signal: AbortSignal.any(signal ? [signal, head.signal] : [head.signal]),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      if (signal?.aborted) throw new TransportError('aborted', { sent: true, aborted: true });
      const text = head.signal.aborted ? 'no answer in time' : failureText(error);
      throw new TransportError(text, { sent: true });
    } finally {
      timer.cancel();
    }
  };

  return {
    async request(request) {
      // On the hot path nothing is awaited before the request is written.
      const to = connections.fresh() ?? (await connections.current());
      return dispatchCall(to.calls, dispatchOptions(to, request), request, clock);
    },
    stream: async (request) => openStream(await connections.current(), request),
    distrustCredentials: connections.distrust,
    close: connections.close,
  };
}
