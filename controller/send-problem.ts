import type { Response } from 'express';
import { PROBLEM_CONTENT_TYPE, type ProblemError, toProblemDocument } from '../core/api/problem.ts';

/** Answers with a problem document, unless the answer has begun. @param members what it says besides */
export function sendProblem(response: Response, problem: ProblemError, members: object = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // The rest of such a body is never read, so the connection cannot carry another request.
  if (problem.code === 'BodyTooLarge') response.set('connection', 'close');
  response
    .status(problem.status)
    .set('content-type', PROBLEM_CONTENT_TYPE)
    .set('cache-control', 'no-store')
    // Sent as bytes: to text, Express would add a charset, which the media type of RFC 9457 does not have.
    .send(Buffer.from(JSON.stringify({ ...toProblemDocument(problem), ...members })));
}
