/**
 * Limits how many reviews are read at a time. Whoever reaches the port may send reviews, and a tenant's pods come this way as
 * large as the API server takes them: as text, objects and answer each is in memory several times. Large reviews wait for each
 * other, and small ones never wait for them.
 */

import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ProblemError } from '../../core/api/problem.ts';
import type { Clock } from '../../core/time/clock.ts';
import { Semaphore } from '../../process/semaphore.ts';

/** The API server's own limit on requests, in bytes. */
export const REVIEW_LIMIT_BYTES = 3 * 1024 * 1024;
/** All reviews but rare ones are smaller. */
const SMALL_BYTES = 128 * 1024;
const MOST_SMALL = 32;
const MOST_LARGE = 1;
/** The API server waits 5 s for an answer, unless the chart says otherwise. */
const WAIT_MILLISECONDS = 3_000;
/** From the permit to the review's last byte. */
const ARRIVAL_MILLISECONDS = 2_000;

/** To be mounted before the reader of bodies. Answers TooManyRequests to a review that waited too long. */
export function createAdmissionLimiter(clock: Clock): RequestHandler {
  const small = new Semaphore(MOST_SMALL);
  const large = new Semaphore(MOST_LARGE);
  return async (request: Request, response: Response, next: NextFunction) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const semaphore = declaredBytes(request) <= SMALL_BYTES ? small : large;
    const tooLate = new AbortController();
    const wait = clock.after(WAIT_MILLISECONDS, () => tooLate.abort());
    let release: () => void;
    try {
      release = await semaphore.acquire(gone.signal, tooLate.signal);
    } catch {
      if (!gone.signal.aborted) next(tooMany());
      return;
    } finally {
      wait.cancel();
    }
    if (gone.signal.aborted) return release();
    // A client that sends nothing would keep its permit from all others.
    const arrival = clock.after(ARRIVAL_MILLISECONDS, () => {
      if (!request.complete) request.destroy();
    });
    response.once('close', () => {
      arrival.cancel();
      release();
    });
    next();
  };
}

/** Without a length it may be anything. */
function declaredBytes({ headers }: Request): number {
  const length = headers['content-length'];
  return length === undefined ? REVIEW_LIMIT_BYTES : Number(length);
}

function tooMany(): ProblemError {
  return new ProblemError(
    'TooManyRequests',
    'Too many admission reviews are under way; try again.',
  );
}
