import type { Response } from 'express';
import { PROBLEM_CONTENT_TYPE, type ProblemError, toProblemDocument } from '../core/api/problem.ts';

/** Answers with a problem document, unless the answer has begun. */
export function sendProblem(response: Response, problem: ProblemError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of such a body is never read, so the next request on this connection would never be either.
  if (problem.code === 'BodyTooLarge') response.set('connection', 'close');
  response
    .status(problem.status)
    .set('content-type', PROBLEM_CONTENT_TYPE)
    .set('cache-control', 'no-store')
    // Bytes: to text Express would add a charset, which RFC 9457's media type does not have.
    .send(Buffer.from(JSON.stringify(toProblemDocument(problem))));
}
