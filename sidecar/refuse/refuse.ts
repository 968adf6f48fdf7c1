/** A refusal in the caller's own protocol. */

import { PROBLEM_CONTENT_TYPE, ProblemError } from '../../core/api/problem.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { Caller } from './caller.ts';
import { refusalDocument } from './json.ts';
import { oneLine } from './one-line.ts';
import { protocolOf, REFUSAL_PROTOCOLS } from './protocols.ts';
import type { RefusedCall } from './refusal-protocol.ts';

export interface Refusal {
  status: number;
  headers: HeaderPair[];
  /** The reason phrase beside the status (RFC 9112 4): all that many clients of HTTP/1.1 show of an answer. */
  reason: string;
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
export function renderRefusal(call: RefusedCall, caller: Caller, room: Room): Refusal {
  const { hasManifest, render } = REFUSAL_PROTOCOLS[protocolOf(caller)];
  let refused = hasManifest ? call : withoutManifest(call);
  let message = render(refused, caller);
  let body = bytesOf(message.text);
  if (refused.problem.manifest !== undefined && !room.tryTake(body.length)) {
    refused = withoutManifest(call, LEFT_OUT);
    message = render(refused, caller);
    body = bytesOf(message.text);
  }
  const { problem } = refused;
  const reason = oneLine(refused);
  const headers: HeaderPair[] = [
    ...commonHeaders(problem, message.contentType),
    // An answer to HEAD has no body to read, and over HTTP/2 no reason phrase either.
    ...(caller.method === 'HEAD' ? [['actiongrant-refusal', reason] as const] : []),
    ...(message.headers ?? []),
  ];
  return { status: message.status ?? problem.status, headers, reason, body };
}

/** A refusal of what was never read as a call, and so to nobody who is known: the document for everybody. */
export function renderUndescribed(problem: ProblemError): Refusal {
  const refused: RefusedCall = { problem };
  return {
    status: problem.status,
    headers: commonHeaders(problem, PROBLEM_CONTENT_TYPE),
    reason: oneLine(refused),
    body: Buffer.from(JSON.stringify(refusalDocument(refused))),
  };
}

function commonHeaders({ retryable }: ProblemError, contentType: string): HeaderPair[] {
  return [
    ['content-type', contentType],
    ['cache-control', 'no-store'],
    // Without it, the SDKs of OpenAI and Anthropic try again at some statuses.
    retryable ? ['retry-after', String(RETRY_AFTER_SECONDS)] : ['x-should-retry', 'false'],
  ];
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text === '' ? '' : `${text}\n`);
}

const LEFT_OUT =
  ' The grant that would allow it is left out: other calls of this pod take up all the memory.';

/** @param why what the detail then says of it */
function withoutManifest(refused: RefusedCall, why = ''): RefusedCall {
  const { code, detail, field, status } = refused.problem;
  const options = { status, ...(field === undefined ? {} : { field }) };
  return { ...refused, problem: new ProblemError(code, `${detail}${why}`, options) };
}
