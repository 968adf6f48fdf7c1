/** What the controller answered, and whether it did at all. */

import { isProblemCode, type NearBody, ProblemError } from '../../core/api/problem.ts';
import { isRecord } from '../../core/text/json.ts';
import { parseUseAnswer, type UseAnswer } from '../../core/wire/use.ts';

/** No answer came. `sent`: the message may have reached the controller all the same. */
export class NoAnswerError extends Error {
  readonly sent: boolean;
  constructor(sent: boolean, cause: unknown) {
    super('the controller did not answer', { cause });
    this.name = 'NoAnswerError';
    this.sent = sent;
  }
}

/** Errors of a connection that never stood: certainly nothing was sent. */
export function isConnectError(error: unknown): boolean {
  const codes = new Set<unknown>([
    'EADDRNOTAVAIL',
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_CLOSED',
  ]);
  const { code } = error as { code?: unknown };
  return codes.has(code) || (typeof code === 'string' && /CERT|VERIFY|ERR_TLS/.test(code));
}

/** @throws NoAnswerError if it is no JSON */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NoAnswerError(true, error);
  }
}

/**
 * An answer that cannot be read is none: what it answers to may have been done.
 * @throws NoAnswerError
 */
export function readUseAnswer(value: unknown): UseAnswer {
  try {
    return parseUseAnswer(value);
  } catch (error) {
    throw new NoAnswerError(true, error);
  }
}

/** The controller's own problem document; without one, something between us answered, and the message's fate is unknown. */
export function failureOf(status: number, text: string): ProblemError | NoAnswerError {
  try {
    const { code, detail, field, nearBody } = JSON.parse(text) as Record<string, unknown>;
    if (isProblemCode(code) && typeof detail === 'string') {
      return new ProblemError(code, detail, {
        ...(typeof field === 'string' && { field }),
        ...readNearBody(nearBody),
      });
    }
  } catch {
    // It is not the controller's.
  }
  return new NoAnswerError(true, new Error(`HTTP ${status} without a problem document`));
}

/** What only helps to explain is left out where it cannot be read. */
function readNearBody(value: unknown): { nearBody?: NearBody } {
  if (!isRecord(value)) return {};
  const { grant, json } = value;
  return typeof grant === 'string' && typeof json === 'string' ? { nearBody: { grant, json } } : {};
}
