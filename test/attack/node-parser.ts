/** Node's own HTTP parsers on the bytes of a case, without a network: what they refuse, and what they make of the rest. */

import http, { type IncomingMessage } from 'node:http';
import http2, { type Http2ServerRequest } from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';
import type { RequestHead } from '../../sidecar/describe/request-head.ts';
import type { Case } from './corpus.ts';
import { h2Connection, wasReset } from './h2-frames.ts';

export type Parsed =
  | { turnedDown: string }
  | { head: RequestHead; body: Uint8Array; trailers: readonly string[] };

/** How long the parsers may take when they neither answer nor refuse: they wait for more bytes. */
const PATIENCE_MILLISECONDS = 2_000;

export async function parseCase(attack: Case): Promise<Parsed> {
  const waiting = Promise.withResolvers<Parsed>();
  const timer = setTimeout(() => waiting.reject(new Error('no answer')), PATIENCE_MILLISECONDS);
  const [client, server] = duplexPair();
  try {
    if (attack.request.version === 1) {
      serveHttp1(server, attack, waiting);
      client.resume();
      client.write(attack.request.bytes);
    } else {
      serveHttp2(server, client, attack, waiting);
      client.write(h2Connection(attack.request));
    }
    return await waiting.promise;
  } finally {
    clearTimeout(timer);
    client.destroy();
    server.destroy();
  }
}

type Waiting = PromiseWithResolvers<Parsed>;

function serveHttp1(connection: Duplex, attack: Case, waiting: Waiting): void {
  const server = http.createServer({ requireHostHeader: false });
  const onRequest = (request: IncomingMessage) => {
    read(request, waiting, (body) => ({
      head: {
        ...common(attack),
        httpVersion: request.httpVersion as RequestHead['httpVersion'],
        scheme: attack.connect === null ? 'http' : 'https',
        method: request.method ?? '',
        target: request.url ?? '',
        rawHeaders: request.rawHeaders,
      },
      body,
      trailers: request.rawTrailers,
    }));
  };
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('connect', () => waiting.resolve({ turnedDown: 'CONNECT' }));
  server.on('clientError', (error: NodeJS.ErrnoException) =>
    waiting.resolve({ turnedDown: error.code ?? error.message }),
  );
  server.emit('connection', connection);
}

function serveHttp2(connection: Duplex, client: Duplex, attack: Case, waiting: Waiting): void {
  const server = http2.createServer();
  server.on('request', (request: Http2ServerRequest) => {
    const pseudo = request.rawHeaders.findLastIndex((text, i) => i % 2 === 0 && text[0] === ':');
    read(request, waiting, (body) => ({
      head: {
        ...common(attack),
        httpVersion: '2',
        scheme: request.scheme as RequestHead['scheme'],
        method: request.method,
        target: request.url,
        ...authority(request),
        rawHeaders: request.rawHeaders.slice(pseudo + 2),
      },
      body,
      trailers: request.rawTrailers,
    }));
  });
  server.on('connect', () => waiting.resolve({ turnedDown: 'CONNECT' }));
  let received = Buffer.alloc(0);
  client.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (wasReset(received)) waiting.resolve({ turnedDown: 'reset' });
  });
  server.emit('connection', connection);
}

/** Only what was on the wire: Node fills in Host for a missing :authority. */
function authority(request: Http2ServerRequest): Pick<RequestHead, 'authority'> {
  const text = request.headers[':authority'];
  return text === undefined ? {} : { authority: text };
}

/** The whole body; a request that is cut off counts as turned down, since Node ends its body as if it were whole. */
function read(
  request: IncomingMessage | Http2ServerRequest,
  waiting: Waiting,
  done: (body: Uint8Array) => Parsed,
): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('aborted', () => waiting.resolve({ turnedDown: 'aborted' }));
  request.on('error', (error) => waiting.resolve({ turnedDown: error.message }));
  // An error that comes with the end is reported right after it.
  request.on('end', () => setImmediate(() => waiting.resolve(done(Buffer.concat(chunks)))));
}

function common(attack: Case): Pick<RequestHead, 'via' | 'connectAuthority' | 'sni'> {
  if (attack.connect === null) return { via: 'absolute-form' };
  return { via: 'connect', connectAuthority: attack.connect, sni: attack.sni };
}
