/**
 * HTTP to one API server over shared keep-alive connections, and an exact account of how far a
 * failed request got. HTTP/1.1 without pipelining: a connection carries one request at a time, so
 * a lost connection says something about that request alone.
 */
import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { Clock } from '../time/clock.ts';
import type { ReadServerAccess, ServerAccess } from './server.ts';

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  path: string;
  body?: string;
  contentType?: string;
  timeoutMilliseconds: number;
  signal?: AbortSignal;
}

export interface TransportAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface TransportStream {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: AsyncIterable<Buffer>;
}

/** A request that got no complete answer. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** False: not one byte of the request was written. */
  readonly sent: boolean;
  readonly aborted: boolean;
  /** The answer was longer than is read. */
  readonly tooLarge: boolean;

  constructor(message: string, how: { sent: boolean; aborted?: boolean; tooLarge?: boolean }) {
    super(message);
    this.sent = how.sent;
    this.aborted = how.aborted ?? false;
    this.tooLarge = how.tooLarge ?? false;
  }
}

export interface TransportOptions {
  readAccess: ReadServerAccess;
  userAgent: string;
  clock: Clock;
  connections: number;
}

export interface Transport {
  request(request: TransportRequest): Promise<TransportAnswer>;
  /** The body as it comes, until `signal` fires. `timeoutMilliseconds` is for the head. */
  stream(request: TransportRequest): Promise<TransportStream>;
  /** Credentials were refused: read them again before the next request. */
  distrustCredentials(): void;
  close(): Promise<void>;
}

/** As client-go: a token file is read again after a minute (the kubelet rotates far earlier). */
const accessLifetimeMilliseconds = 60_000;
/** A refused credential is read again at once, but no more often than this. */
const accessRetryMilliseconds = 1_000;
/** kube-apiserver closes idle connections after 90 s: be the first. */
const idleMilliseconds = 60_000;
/** TCP keep-alive finds a connection that a NAT or a dead node dropped silently. */
const keepAliveProbeMilliseconds = 15_000;
const connectTimeoutMilliseconds = 5_000;
/** Well below the memory of a replica, since it is held as bytes, text and objects. Lists ask for smaller pages. */
const answerLimitBytes = 16 * 1024 * 1024;

interface Connected {
  access: ServerAccess;
  calls: Dispatcher;
  /** Of their own: each holds its connection for minutes. */
  streams: Dispatcher;
}

export function createTransport(options: TransportOptions): Transport {
  const { readAccess, userAgent, clock, connections } = options;
  let connected: Connected | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let staleAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Connected> | undefined;
  let distrusted = false;
  let closed = false;
  /** Of credentials before: they finish what they began. */
  const retired = new Set<Connected>();

  function connect(access: ServerAccess): Connected {
    if (connected && sameConnections(connected.access, access)) return { ...connected, access };
    if (connected) retire(connected);
    return { access, calls: pool(access, connections), streams: pool(access, null) };
  }

  function retire(old: Connected): void {
    retired.add(old);
    const closed = Promise.allSettled([old.calls.close(), old.streams.close()]);
    void closed.then(() => retired.delete(old));
  }

  function read(): Promise<Connected> {
    readAt = clock.monotonic();
    reading ??= readAccess()
      .then((access) => {
        connected = connect(access);
        distrusted = false;
        staleAt = clock.monotonic() + accessLifetimeMilliseconds;
        return connected;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  }

  function fresh(): Connected | undefined {
    return !closed && !distrusted && clock.monotonic() < staleAt ? connected : undefined;
  }

  async function current(): Promise<Connected> {
    if (closed) throw new TransportError('the client is closed', { sent: false });
    const now = clock.monotonic();
    const mayRead = now - readAt >= accessRetryMilliseconds;
    if (connected && !(distrusted && mayRead)) {
      // What holds now is used while it is read again: a slow disk must not hold up a call.
      if (now >= staleAt && mayRead) void read().catch(() => undefined);
      return connected;
    }
    try {
      return await read();
    } catch (error) {
      if (connected) return connected;
      throw new TransportError(`no access to the API server: ${describe(error)}`, { sent: false });
    }
  }

  function dispatchOptions(to: Connected, request: TransportRequest): Dispatcher.DispatchOptions {
    return {
      origin: to.access.origin,
      method: request.method,
      path: to.access.basePath + request.path,
      headers: {
        // The JWKS comes only under its own media type (RFC 7517 8.5.1).
        accept: 'application/json, application/jwk-set+json',
        'user-agent': userAgent,
        ...to.access.headers,
        ...(request.body === undefined
          ? {}
          : { 'content-type': request.contentType ?? 'application/json' }),
      },
      body: request.body ?? null,
    };
  }

  return {
    async request(request) {
      // On the hot path nothing is awaited before the request is written.
      return call(fresh() ?? (await current()), request);
    },
    async stream(request) {
      return openStream(await current(), request);
    },
    distrustCredentials() {
      distrusted = true;
    },
    async close() {
      closed = true;
      const all = connected ? [connected, ...retired] : [...retired];
      await Promise.allSettled(all.flatMap((each) => [each.calls.close(), each.streams.destroy()]));
    },
  };

  function call(to: Connected, request: TransportRequest): Promise<TransportAnswer> {
    return new Promise((resolve, reject) => {
      if (request.signal?.aborted) {
        reject(new TransportError('aborted', { sent: false, aborted: true }));
        return;
      }
      new Call(request, clock, resolve, reject).start(to.calls, dispatchOptions(to, request));
    });
  }

  async function openStream(to: Connected, request: TransportRequest): Promise<TransportStream> {
    const head = new AbortController();
    const timer = clock.after(request.timeoutMilliseconds, () => head.abort());
    const signals = request.signal ? [request.signal, head.signal] : [head.signal];
    try {
      const answer = await to.streams.request({
        ...dispatchOptions(to, request),
        signal: AbortSignal.any(signals),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      if (request.signal?.aborted) {
        throw new TransportError('aborted', { sent: true, aborted: true });
      }
      const text = head.signal.aborted ? 'no answer in time' : describe(error);
      throw new TransportError(text, { sent: true });
    } finally {
      timer.cancel();
    }
  }
}

/** One request, from its place in the queue to the last byte of its answer. */
class Call implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: TransportAnswer) => void;
  readonly #reject: (error: TransportError) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: { cancel(): void };
  readonly #onAbort: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #headers: TransportAnswer['headers'] = {};
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(
    request: TransportRequest,
    clock: Clock,
    resolve: (answer: TransportAnswer) => void,
    reject: (error: TransportError) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = request.signal;
    this.#onAbort = () => this.#fail('aborted', { aborted: true });
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = clock.after(request.timeoutMilliseconds, () => this.#fail('no answer in time'));
  }

  start(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions): void {
    try {
      dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, this);
    } catch (error) {
      this.#fail(describe(error));
    }
  }

  /** Called when a connection is there and right before the first byte is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) {
      // Timed out or aborted in the queue, and already reported as not sent: so it never is.
      controller.abort(new Error('settled'));
    } else if (this.#controller) {
      // undici puts a request back into its queue after some kinds of disconnect. A request that
      // may have been sent is never sent again.
      this.#fail('the connection was lost');
      controller.abort(new Error('settled'));
    } else {
      this.#controller = controller;
    }
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: TransportAnswer['headers'],
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > answerLimitBytes) this.#fail('the answer is too large', { tooLarge: true });
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, headers: this.#headers, body: body.toString('utf8') });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(describe(error));
  }

  #fail(message: string, how: { aborted?: boolean; tooLarge?: boolean } = {}): void {
    if (!this.#settle()) return;
    const error = new TransportError(message, { sent: this.#controller !== undefined, ...how });
    this.#reject(error);
    this.#controller?.abort(error);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer.cancel();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}

function pool(access: ServerAccess, connections: number | null): Dispatcher {
  const tls = { ...access.tls, keepAlive: true, keepAliveInitialDelay: keepAliveProbeMilliseconds };
  const limits = {
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: idleMilliseconds,
    keepAliveMaxTimeout: idleMilliseconds,
  };
  if (access.proxyUrl !== undefined) {
    return new ProxyAgent({ uri: access.proxyUrl, requestTls: tls, ...limits });
  }
  return new Pool(access.origin, {
    ...limits,
    connect: { ...tls, timeout: connectTimeoutMilliseconds },
  });
}

/** Whether the connections of one can go on serving the other. */
function sameConnections(a: ServerAccess, b: ServerAccess): boolean {
  return a.origin === b.origin && a.proxyUrl === b.proxyUrl && isDeepStrictEqual(a.tls, b.tls);
}

/** The error's code and text; undici's errors carry sockets, so they aren't kept as a cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  // Several addresses were tried: the first one's reason stands for all.
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : error.message || error.name;
}
