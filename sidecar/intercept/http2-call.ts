/** One stream of HTTP/2 as a call. */

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { RequestHead } from '../describe/request-head.ts';
import { ClientCall } from './client-call.ts';
import type { ClientConnection } from './connection.ts';
import type { HTTPOptions } from './http-options.ts';
import { headProblem } from './http2-problem.ts';
import { HTTP2Response } from './http2-response.ts';

/** Serves one stream, to the end of its answer. Never rejects. */
export async function serveStream(
  { calls, limits }: Pick<HTTPOptions, 'calls' | 'limits'>,
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
    await calls.serve(call, headProblem(headers, rawHeaders, limits));
    call.release();
    // An answer to half a request: the client need not send the rest (RFC 9113 8.1).
    if (!stream.closed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  } finally {
    connection.end(call);
  }
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
