/** HTTP/1 on a client connection, plain or inside TLS. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { ProblemError } from '../../core/api/problem.ts';
import { http } from '../../process/node-http.ts';
import type { RequestHead } from '../describe/request-head.ts';
import type { HeaderPair, InterceptedCall, ResponseHead, ResponseWriter } from './call.ts';
import { ClientCall } from './client-call.ts';
import type { ClientConnection } from './connection.ts';
import { type HeadBudget, headSize } from './head-budget.ts';
import type { InterceptEvent } from './interceptor.ts';
import type { InterceptLimits } from './limits.ts';
import { arrivedBody, pump, throwIfFailed } from './pump.ts';
import { lingeringClose, refuseRaw } from './refusal.ts';

export interface HTTP1Options {
  limits: InterceptLimits;
  heads: HeadBudget;
  /** Answers a call, if its head has no problem already; never rejects. */
  serve(call: InterceptedCall, problem?: ProblemError): Promise<void>;
  /** A CONNECT on a connection that is no tunnel yet. */
  onConnect(connection: ClientConnection, target: string, head: Buffer): void;
  report(event: InterceptEvent): void;
}

export interface HTTP1 {
  /** Takes over a stream of the connection: its socket, or the TLS inside. */
  accept(stream: Socket, connection: ClientConnection): void;
}

/** What one HTTP/1 stream remembers between its requests. */
interface StreamState {
  connection: ClientConnection;
  /** Settled when the last request on the stream is answered; pipelined ones wait for it. */
  last: Promise<void> | undefined;
  waiting: number;
}

export function createHTTP1(options: HTTP1Options): HTTP1 {
  const { limits, heads, report } = options;
  const states = new WeakMap<Duplex, StreamState>();

  const server = http.createServer({
    maxHeaderSize: limits.headBytes,
    // Whether a Host is missing is for the description to say, in a problem document.
    requireHostHeader: false,
    insecureHTTPParser: false,
  });
  disableBuiltInTimers(server);
  // Node drops the header lines over this count in silence, so it is one more than we take: a head that has it is refused.
  // Without it, an unfinished head of very short lines takes many times its size.
  server.maxHeadersCount = limits.headerCount + 1;

  const onRequest = (expectsContinue: boolean) => (req: IncomingMessage, res: ServerResponse) => {
    const state = states.get(req.socket);
    if (state === undefined) {
      req.socket.destroy();
      return;
    }
    if (state.last !== undefined && state.waiting >= limits.pipelined) {
      req.socket.destroy();
      return;
    }
    const size = headSize(req.rawHeaders, req.url);
    if (!heads.take(size)) {
      report({ type: 'ConnectionRefused', reason: 'TooManyHeads' });
      // An answer would have to wait for the client to take it, and the head with it.
      req.socket.destroy();
      return;
    }
    const run = (): Promise<void> =>
      serveRequest(options, state.connection, req, res, expectsContinue);
    // Node hands pipelined requests over at once; the second must not be judged while the first still runs.
    track(state, state.last === undefined ? run() : state.last.then(run), () =>
      heads.giveBack(size),
    );
  };
  server.on('request', onRequest(false));
  server.on('checkContinue', onRequest(true));
  // Any other expectation: the description refuses it, in words.
  server.on('checkExpectation', onRequest(false));

  server.on('connect', (req: IncomingMessage, stream: Duplex, head: Buffer) => {
    const state = states.get(stream);
    if (state === undefined || state.connection.busy) return stream.destroy();
    const { connection } = state;
    if (connection.connectAuthority !== undefined)
      return refuseRaw(stream as Socket, nestedConnect());
    if (connection.destination !== undefined) {
      report({ type: 'ProtocolRefused', protocol: 'CONNECT', destination: connection.destination });
      return refuseRaw(stream as Socket, redirectedConnect());
    }
    const framed = req.headers['content-length'] ?? req.headers['transfer-encoding'];
    if (framed !== undefined) return refuseRaw(stream as Socket, connectWithBody());
    options.onConnect(connection, req.url ?? '', head);
  });

  server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
    const state = states.get(stream);
    if (error.code === 'ECONNRESET' || state === undefined) return stream.destroy();
    const { destination } = state.connection;
    report({
      type: 'ParseFailed',
      code: error.code ?? 'unknown',
      ...(destination === undefined ? {} : { destination }),
    });
    // Bytes written now would land inside the answer to the call that is still served.
    if (state.connection.busy) return state.connection.reset();
    refuseRaw(stream as Socket, parseProblem(error.code));
  });

  return {
    accept(stream, connection) {
      states.set(stream, { connection, last: undefined, waiting: 0 });
      // Of TLS, its own end: the socket below cannot tell the client that there is no more (RFC 8446 6.1).
      connection.finish = () => stream.destroySoon();
      server.emit('connection', stream);
    },
  };
}

/** Node checks these only on servers that listen themselves; the connection has its own clock. */
function disableBuiltInTimers(server: Server): void {
  server.timeout = 0;
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
}

function track(state: StreamState, run: Promise<void>, over: () => void): void {
  state.waiting += 1;
  const settled = run.finally(() => {
    over();
    state.waiting -= 1;
    if (state.last === settled) state.last = undefined;
  });
  state.last = settled;
}

async function serveRequest(
  options: HTTP1Options,
  connection: ClientConnection,
  req: IncomingMessage,
  res: ServerResponse,
  expectsContinue: boolean,
): Promise<void> {
  if (res.destroyed || req.socket.destroyed) return;
  const respond = new HTTP1Response(res, req, connection);
  const call = new ClientCall(requestHead(connection, req), respond, {
    stream: req,
    bodyIsEmpty: !hasBody(req),
    hasTrailers: () => req.rawTrailers.length > 0,
    isCut: () => !req.complete,
    onFirstRead() {
      if (expectsContinue && !respond.started) res.writeContinue();
    },
  });
  const closed = new Promise<void>((resolve) => {
    res.once('close', () => {
      if (!res.writableFinished) call.markGone();
      resolve();
    });
  });
  connection.begin(call);
  try {
    await options.serve(call, headProblem(req, options.limits));
    // The next request is served once the client has this answer, or the connection is gone.
    await closed;
    call.release();
    if (!req.complete) await drain(req);
  } finally {
    connection.end(call);
  }
}

function requestHead(connection: ClientConnection, req: IncomingMessage): RequestHead {
  const { via, connectAuthority, destination, sni } = connection;
  const head: RequestHead = {
    via,
    httpVersion: req.httpVersion === '1.0' ? '1.0' : '1.1',
    scheme: sni === undefined ? 'http' : 'https',
    method: req.method ?? '',
    target: req.url ?? '',
    rawHeaders: req.rawHeaders,
  };
  if (connectAuthority !== undefined) head.connectAuthority = connectAuthority;
  if (destination !== undefined) head.destination = destination;
  if (sni !== undefined) head.sni = sni;
  return head;
}

/** RFC 9112 6: a request has a body if and only if one of the two framing headers says so. */
function hasBody(req: IncomingMessage): boolean {
  return (
    req.headers['transfer-encoding'] !== undefined ||
    (req.headers['content-length'] !== undefined && req.headers['content-length'] !== '0')
  );
}

/** Lets an answer to half a request reach its client, then gives the connection up. */
function drain(req: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (req.socket.destroyed) return resolve();
    req.once('close', resolve);
    lingeringClose(req.socket);
    req.resume();
  });
}

class HTTP1Response implements ResponseWriter {
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

  writeHead(status: number, headers: readonly HeaderPair[]): void {
    this.#head = { status, headers };
  }

  async pipe(body: Readable): Promise<void> {
    throwIfFailed(body);
    const arrived = arrivedBody(body, this.#head.headers);
    if (arrived !== null) return this.end(arrived);
    this.#sendHead();
    const done = pump(body, this.#res, () => this.abort());
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
    const { status, headers } = this.#head;
    const flat: string[] = [];
    for (const [name, value] of headers) flat.push(name, value);
    const bodiless = this.#req.method === 'HEAD' || status === 204 || status === 304;
    if (length !== undefined && !bodiless && !headers.some(([n]) => n === 'content-length')) {
      flat.push('content-length', String(length));
    }
    this.#res.writeHead(status, flat);
  }
}

function parseProblem(code: string | undefined): ProblemError {
  return code === 'HPE_HEADER_OVERFLOW'
    ? new ProblemError('HeadersTooLarge', 'The request head is larger than this proxy reads.')
    : new ProblemError(
        'RequestMalformed',
        `The bytes are not HTTP/1.1 (${/^HPE_[A-Z_]+$/.exec(code ?? '')?.[0] ?? 'parser error'}).`,
      );
}

function headProblem(req: IncomingMessage, limits: InterceptLimits): ProblemError | undefined {
  if (req.rawHeaders.length / 2 > limits.headerCount) {
    return new ProblemError(
      'HeadersTooLarge',
      `The request has more than ${limits.headerCount} header lines.`,
    );
  }
  // The parser also takes a request line without a version for HTTP/0.9, and HTTP/2.0 in the syntax of HTTP/1.
  return req.httpVersion === '1.1' || req.httpVersion === '1.0'
    ? undefined
    : new ProblemError('ProtocolRefused', 'The version is neither HTTP/1.0 nor HTTP/1.1.');
}

function nestedConnect(): ProblemError {
  return new ProblemError('MethodRefused', 'CONNECT is not possible inside a CONNECT tunnel.');
}

function redirectedConnect(): ProblemError {
  return new ProblemError(
    'MethodRefused',
    'CONNECT is for a proxy, and this connection was going elsewhere. Call the host itself.',
  );
}

function connectWithBody(): ProblemError {
  return new ProblemError(
    'RequestAmbiguous',
    'A CONNECT request has no body: Content-Length and Transfer-Encoding have no place in it.',
    { field: 'content-length' },
  );
}
