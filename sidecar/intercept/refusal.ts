/** Problem documents of the interceptor's own: what went wrong before or outside a handler. */

import type { Socket } from 'node:net';
import { asProblem, type ProblemError } from '../../core/api/problem.ts';
import { http } from '../../process/node-http.ts';
import { problemJson } from '../refuse/problem-json.ts';
import type { ResponseWriter } from './call.ts';

/** Answers a call with what was thrown; once its head is out, the only answer left is to cut it off. */
export async function refuse(respond: ResponseWriter, error: unknown): Promise<void> {
  if (respond.finished) return;
  if (respond.started) return respond.abort();
  const problem = asProblem(error);
  respond.writeHead(problem.status, [['content-type', problemJson.contentType]]);
  await respond.end(problemJson.render(problem));
}

/** Answers on a bare HTTP/1.1 connection, where no parser is left to do it, and closes it. */
export function refuseRaw(socket: Socket, problem: ProblemError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = problemJson.render(problem);
  const status = http.STATUS_CODES[problem.status] ?? 'Refused';
  socket.end(
    `HTTP/1.1 ${problem.status} ${status}\r\n` +
      `content-type: ${problemJson.contentType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n` +
      'connection: close\r\n\r\n' +
      body,
    () => lingeringClose(socket),
  );
}

const LINGER_MILLISECONDS = 1_000;

/**
 * Reads on for a moment before it closes: closing with unread bytes sends a reset, and the reset can overtake the answer
 * on its way to the client (RFC 9112 9.6).
 */
export function lingeringClose(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroy());
  socket.removeAllListeners('data');
  socket.resume();
}
