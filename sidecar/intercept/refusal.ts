/** Problem documents of the interceptor's own: what went wrong before or outside a handler. */

import type { Socket } from 'node:net';
import { asProblem, type ProblemError } from '../../core/api/problem.ts';
import { renderUndescribed } from '../refuse/refuse.ts';
import type { ResponseWriter } from './call.ts';
import { reasonPhrase } from './http1-response.ts';

/** Answers a call with what was thrown; once its head is out, the only answer left is to cut it off. */
export async function refuse(respond: ResponseWriter, error: unknown): Promise<void> {
  if (respond.finished) return;
  if (respond.started) return respond.abort();
  const { status, headers, reason, body } = renderUndescribed(asProblem(error));
  respond.writeHead(status, headers, reason);
  await respond.end(body);
}

/** Answers on a bare HTTP/1.1 connection, where no parser is left to do it, and closes it. */
export function refuseRaw(socket: Socket, problem: ProblemError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, reason, body } = renderUndescribed(problem);
  socket.end(
    `HTTP/1.1 ${status} ${reasonPhrase(status, reason)}\r\n` +
      `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}` +
      `content-length: ${body.length}\r\n` +
      'connection: close\r\n\r\n' +
      Buffer.from(body).toString('utf8'),
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
