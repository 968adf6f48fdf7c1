/** A refusal in the caller's own protocol. */

import { ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { REFUSAL_PROTOCOLS, type RefusalProtocolName } from './protocols.ts';

export interface Refusal {
  status: number;
  headers: HeaderPair[];
  /** Bytes, not text: those are in no heap of limited size. */
  body: Uint8Array;
}

/** Room for the bytes of a refusal, until the client has read them. */
export interface Room {
  /** Whether so much was left; if not, nothing is taken. */
  tryTake(bytes: number): boolean;
}

/** Seconds after which a retryable refusal is worth another try. */
const RETRY_AFTER_SECONDS = 1;

/**
 * With a manifest it can be several times as long as the call, and is in memory for as long as the client takes to read it:
 * without room for that it leaves the manifest out.
 */
export function renderRefusal(
  problem: ProblemError,
  protocol: RefusalProtocolName,
  room: Room,
): Refusal {
  const { contentType, render } = REFUSAL_PROTOCOLS[protocol];
  const whole = Buffer.from(`${render(problem)}\n`);
  const fits = problem.manifest === undefined || room.tryTake(whole.length);
  const body = fits ? whole : Buffer.from(`${render(withoutManifest(problem))}\n`);
  const headers: Refusal['headers'] = [
    ['content-type', contentType],
    ['cache-control', 'no-store'],
    ...(problem.retryable ? [['retry-after', String(RETRY_AFTER_SECONDS)] as const] : []),
  ];
  return { status: problem.status, headers, body };
}

function withoutManifest({ code, detail, field }: ProblemError): ProblemError {
  return new ProblemError(
    code,
    `${detail} The grant that would allow it is left out: other calls of this pod take up all the memory.`,
    field === undefined ? {} : { field },
  );
}
