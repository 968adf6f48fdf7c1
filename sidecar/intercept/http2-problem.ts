/** What is wrong with a request of HTTP/2 before anybody describes it. */

import type { IncomingHttpHeaders } from 'node:http2';
import { ProblemError } from '../../core/api/problem.ts';
import type { InterceptLimits } from './limits.ts';

/** What is wrong with a head that the parser took. */
export function headProblem(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  limits: Pick<InterceptLimits, 'headBytes'>,
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
