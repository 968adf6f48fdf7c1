/** Requests to the API server: sent once, and answered with a JSON object or a KubernetesError. */

import { errorOfAnswer, errorOfTransport } from './answer-error.ts';
import { objectOfAnswer } from './answer-object.ts';
import type { CallOptions } from './client.ts';
import { type Effect, isKubernetesError, KubernetesError } from './error.ts';
import {
  type Transport,
  type TransportAnswer,
  TransportError,
  type TransportRequest,
} from './transport.ts';

/** What is asked of the API server, apart from how long it may take. */
export type ApiRequest = Pick<TransportRequest, 'method' | 'path' | 'contentType'> & {
  /** Sent as JSON. */
  body?: unknown;
};

/** Sends a request and reads its answer. @throws KubernetesError */
export type Send = (
  effect: Effect,
  request: ApiRequest,
  options: CallOptions,
) => Promise<Record<string, unknown>>;

export interface Sender {
  send: Send;
  /** Opens a stream. @returns what `read` makes of its bytes, as they come. @throws KubernetesError */
  stream<T>(
    path: string,
    signal: AbortSignal | undefined,
    read: (body: AsyncIterable<Buffer>) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined>;
}

/** @param timeoutMilliseconds of requests whose options say nothing of it */
export function createSender(transport: Transport, timeoutMilliseconds: number): Sender {
  const transportRequest = (
    { body, ...request }: ApiRequest,
    options: CallOptions,
  ): TransportRequest => ({
    ...request,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    timeoutMilliseconds: options.timeoutMilliseconds ?? timeoutMilliseconds,
    ...(options.signal ? { signal: options.signal } : {}),
  });

  const refused = (answer: TransportAnswer, effect: Effect): KubernetesError => {
    if (answer.status === 401) transport.distrustCredentials();
    return errorOfAnswer(answer, effect);
  };

  return {
    async send(effect, request, options) {
      let answer: TransportAnswer;
      try {
        answer = await transport.request(transportRequest(request, options));
      } catch (error) {
        throw error instanceof TransportError ? errorOfTransport(error, effect) : error;
      }
      if (answer.status >= 200 && answer.status < 300) return objectOfAnswer(answer, effect);
      throw refused(answer, effect);
    },
    async *stream(path, signal, read) {
      try {
        const request = transportRequest({ method: 'GET', path }, signal ? { signal } : {});
        const { body, ...head } = await transport.stream(request);
        if (head.status !== 200) throw refused({ ...head, body: await readText(body) }, 'None');
        yield* read(body);
      } catch (error) {
        if (signal?.aborted) throw new KubernetesError('Aborted', 'the watch was aborted');
        throw isKubernetesError(error)
          ? error
          : new KubernetesError('Unavailable', 'the watch was cut off');
      }
    },
  };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
