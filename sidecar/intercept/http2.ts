/** HTTP/2 on a client's TLS connection. */

import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ProblemError } from '../../core/api/problem.ts';
import type { RequestHead } from '../describe/request-head.ts';
import type { HeaderPair, InterceptedCall, ResponseHead, ResponseWriter } from './call.ts';
import { ClientCall } from './client-call.ts';
import type { ClientConnection } from './connection.ts';
import { type HeadBudget, headSize } from './head-budget.ts';
import type { InterceptEvent } from './interceptor.ts';
import type { InterceptLimits } from './limits.ts';
import { arrivedBody, pump, throwIfFailed } from './pump.ts';

export interface HTTP2Options {
  limits: InterceptLimits;
  heads: HeadBudget;
  /** Whether there are as many calls as there may be. */
  full(): boolean;
  /** Answers a call, if its head has no problem already; never rejects. */
  serve(call: InterceptedCall, problem?: ProblemError): Promise<void>;
  report(event: InterceptEvent): void;
}

/** Serves every stream of one connection, each as a call of its own: `:authority` is judged per stream. */
export function serveHTTP2(
  tls: TLSSocket,
  connection: ClientConnection,
  options: HTTP2Options,
): void {
  const { limits, heads, full, report } = options;
  const session = performServerHandshake(tls, {
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headBytes,
      // RFC 8441 extended CONNECT would open a tunnel that nothing describes.
      enableConnectProtocol: false,
      enablePush: false,
    },
    maxHeaderListPairs: limits.headerCount,
    maxSessionMemory: 4,
  });
  // RFC 9113 6.8: GOAWAY, and the streams that are open may end.
  connection.finish = () => session.close();
  session.on('error', () => connection.raw.destroy());
  session.on('close', () => connection.raw.destroySoon());
  let turnedAway = 0;
  session.on('stream', (stream, headers, flags, rawHeaders) => {
    stream.on('error', () => {});
    // RFC 9113 8.7: nothing was done, and the client may send it again. In words it would be one more answer to wait for: a
    // client need not take any (RFC 9113 6.9.2).
    if (full()) return turnAway(stream, constants.NGHTTP2_REFUSED_STREAM);
    const size = headSize(rawHeaders);
    if (!heads.take(size)) {
      report({ type: 'ConnectionRefused', reason: 'TooManyHeads' });
      turnedAway += 1;
      if (turnedAway === HEADS_TURNED_AWAY) session.close();
      return turnAway(stream, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    const endsWithHead = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    void serveStream(options, connection, stream, headers, rawHeaders, endsWithHead).finally(() =>
      heads.giveBack(size),
    );
  });
}

/**
 * Then the connection takes no more streams (RFC 9113 6.8): a head that is turned away is memory all the same until it is
 * collected, and that of its text, outside the heap, hurries no collection.
 */
const HEADS_TURNED_AWAY = 8;

function turnAway(stream: ServerHttp2Stream, code: number): void {
  stream.close(code);
  stream.destroy();
}

async function serveStream(
  options: HTTP2Options,
  connection: ClientConnection,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  bodyIsEmpty: boolean,
): Promise<void> {
  const respond = new HTTP2Response(stream, headers[':method'] === 'HEAD');
  let trailers = false;
  const call = new ClientCall(requestHead(connection, headers, rawHeaders), respond, {
    stream,
    bodyIsEmpty,
    hasTrailers: () => trailers,
    isCut: () => isReset(stream),
    onFirstRead() {
      if (headers['expect']?.toLowerCase() === '100-continue' && !respond.started) {
        stream.additionalHeaders({ ':status': 100 });
      }
    },
  });
  stream.once('trailers', () => {
    trailers = true;
  });
  stream.once('close', () => {
    if (!respond.finished || isReset(stream)) call.markGone();
  });
  connection.begin(call);
  try {
    await options.serve(call, headProblem(headers, rawHeaders, options.limits));
    call.release();
    // An answer to half a request: the client need not send the rest (RFC 9113 8.1).
    if (!stream.closed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  } finally {
    connection.end(call);
  }
}

function headProblem(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  limits: InterceptLimits,
): ProblemError | undefined {
  const size = rawHeaders.reduce((sum, text) => sum + text.length, 0);
  if (size > limits.headBytes) {
    return new ProblemError('HeadersTooLarge', 'The request head is larger than this proxy reads.');
  }
  const scheme = headers[':scheme'];
  return scheme === undefined || scheme === 'http' || scheme === 'https'
    ? undefined
    : new ProblemError('ProtocolRefused', 'The :scheme is neither http nor https.', {
        field: ':scheme',
      });
}

/** Node ends both sides of a stream that is reset; only these two tell that it did not end by itself. */
function isReset(stream: ServerHttp2Stream): boolean {
  return stream.aborted || (stream.rstCode ?? 0) !== constants.NGHTTP2_NO_ERROR;
}

function requestHead(
  connection: ClientConnection,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): RequestHead {
  const { via, connectAuthority, destination, sni } = connection;
  const authority = headers[':authority'];
  const regular: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!name.startsWith(':')) regular.push(name, rawHeaders[i + 1] ?? '');
  }
  const head: RequestHead = {
    via,
    httpVersion: '2',
    scheme: headers[':scheme'] === 'http' ? 'http' : 'https',
    method: headers[':method'] ?? '',
    target: headers[':path'] ?? '',
    rawHeaders: regular,
  };
  if (connectAuthority !== undefined) head.connectAuthority = connectAuthority;
  if (destination !== undefined) head.destination = destination;
  if (sni !== undefined) head.sni = sni;
  if (authority !== undefined) head.authority = authority;
  return head;
}

/** RFC 9113 8.2.2: a message with one of these is malformed. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

class HTTP2Response implements ResponseWriter {
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
    await pump(body, this.#stream, () => this.abort());
    this.#finished = true;
  }

  end(body?: Uint8Array | string): Promise<void> {
    this.#sendHead();
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

  #sendHead(): void {
    const { status, headers } = this.#head;
    const flat = [':status', String(status)];
    for (const [given, value] of headers) {
      const name = given.toLowerCase();
      if (!CONNECTION_SPECIFIC.has(name)) flat.push(name, value);
    }
    if (this.#stream.destroyed || this.#stream.closed) return;
    const endStream = this.#isHead || status === 204 || status === 205 || status === 304;
    try {
      this.#stream.respond(flat, { endStream });
    } catch (error) {
      // Such as a header twice that HTTP/2 clients are given once.
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
