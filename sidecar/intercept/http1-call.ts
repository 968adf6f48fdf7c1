/** One request of HTTP/1 as a call. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHead } from '../describe/request-head.ts';
import { ClientCall } from './client-call.ts';
import type { ClientConnection } from './connection.ts';
import type { HTTPOptions } from './http-options.ts';
import { headProblem } from './http1-problem.ts';
import { HTTP1Response } from './http1-response.ts';
import { lingeringClose } from './refusal.ts';

/** Serves one request, to the end of its answer. Never rejects. */
export async function serveRequest(
  { calls, limits }: Pick<HTTPOptions, 'calls' | 'limits'>,
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
    await calls.serve(call, headProblem(req, limits));
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
