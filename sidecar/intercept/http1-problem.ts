/** What is wrong with a request of HTTP/1 before anybody describes it. */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ProblemError } from '../../core/api/problem.ts';
import type { ClientConnection } from './connection.ts';
import type { InterceptLimits } from './limits.ts';

/** @param code of the parser's error */
export function parseProblem(code: string | undefined): ProblemError {
  return code === 'HPE_HEADER_OVERFLOW'
    ? new ProblemError('HeadersTooLarge', 'The request head is larger than this proxy reads.')
    : new ProblemError(
        'RequestMalformed',
        `The bytes are not HTTP/1.1 (${/^HPE_[A-Z_]+$/.exec(code ?? '')?.[0] ?? 'parser error'}).`,
      );
}

/** What is wrong with a head that the parser took. */
export function headProblem(
  req: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion'>,
  limits: Pick<InterceptLimits, 'headerCount'>,
): ProblemError | undefined {
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

/** Why a CONNECT is refused, whatever its target. Undefined: a tunnel may be opened. */
export function connectProblem(
  { connectAuthority, destination }: Pick<ClientConnection, 'connectAuthority' | 'destination'>,
  headers: IncomingHttpHeaders,
): ProblemError | undefined {
  if (connectAuthority !== undefined) return nestedConnect();
  if (destination !== undefined) return redirectedConnect();
  const framed = headers['content-length'] ?? headers['transfer-encoding'];
  return framed === undefined ? undefined : connectWithBody();
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
