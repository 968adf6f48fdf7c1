/** HTTP/1 on a client connection, plain or inside TLS. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { http } from '../../process/node-http.ts';
import type { ClientConnection } from './connection.ts';
import { headSize } from './head-budget.ts';
import type { HTTPOptions } from './http-options.ts';
import { serveRequest } from './http1-call.ts';
import { connectProblem, parseProblem } from './http1-problem.ts';
import { refuseRaw } from './refusal.ts';

export interface HTTP1Options extends HTTPOptions {
  /** A CONNECT on a connection that is no tunnel yet. */
  onConnect(connection: ClientConnection, target: string, head: Buffer): void;
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
  const { limits, heads, onEvent } = options;
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
  // Node knows the property (lib/_http_server.js), its types do not.
  Object.assign(server, { httpAllowHalfOpen: true });

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
      onEvent({ type: 'ConnectionRefused', reason: 'TooManyHeads' });
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
    const problem = connectProblem(connection, req.headers);
    if (problem === undefined) {
      connection.raw.allowHalfOpen = false;
      return options.onConnect(connection, req.url ?? '', head);
    }
    const { destination } = connection;
    if (destination !== undefined) {
      onEvent({ type: 'ProtocolRefused', protocol: 'CONNECT', destination });
    }
    refuseRaw(stream as Socket, problem);
  });

  server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
    const state = states.get(stream);
    if (error.code === 'ECONNRESET' || state === undefined) return stream.destroy();
    const { destination } = state.connection;
    onEvent({
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
      // A client may end its side after its request, as `nc` does, and wait for the answer (RFC 9293 3.6). Of TLS, clients that
      // end their side have gone.
      if (stream === connection.raw) stream.allowHalfOpen = true;
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
