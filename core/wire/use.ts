/** Asks for one use, and the answer that the grant was consumed for this call. */

import { type Action, actionType, parseAction } from '../action/action.ts';
import type { BodyForm } from '../action/body.ts';
import { integer, oneOf, record, text } from '../text/members.ts';
import { holdsSecretDigest } from '../text/secret-text.ts';
import { type GrantReference, parseGrantReference } from './grant-reference.ts';
import { parseNonce } from './nonce.ts';

/** Asks for one use. One nonce per call; a repeated nonce never gets a credential. */
export interface UseRequest {
  /** UUID version 4, made by the sidecar, kept in its memory only. */
  nonce: string;
  /** With digests in the place of secrets. */
  action: Action;
  /** How long the sidecar will wait for the answer, in ms: nothing is consumed after that. */
  waitMilliseconds: number;
}

/** The grant was consumed for this call. */
export interface UseAnswer {
  nonce: string;
  grant: GrantReference;
  /** How the grant states the body: for `JSON` the canonical bytes are what must be sent. */
  bodyForm: BodyForm;
  /** How long the use may take, in ms from the moment the sidecar sent its request. */
  timeoutMilliseconds: number;
  /** Absent if the grant has no credential. */
  credential?: { token: string; expirationTime: string };
}

const MAX_WAIT_MILLISECONDS = 60_000;
const AS_DIGESTS = 'SHA256';

/**
 * What goes over the wire. A sidecar of an earlier release sends secrets in clear and says nothing of them, so a digest is only
 * taken for one where the message says that there are some.
 */
export function useMessage(request: UseRequest): UseRequest & { secrets?: typeof AS_DIGESTS } {
  const { body: _, ...head } = request.action;
  return holdsSecretDigest(JSON.stringify(head)) ? { ...request, secrets: AS_DIGESTS } : request;
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseUseRequest(value: unknown): UseRequest {
  const o = record(value, 'body', ['nonce', 'action', 'waitMilliseconds'], ['secrets']);
  if (o['secrets'] !== undefined) oneOf(o['secrets'], 'secrets', [AS_DIGESTS]);
  const action = parseAction(o['action']);
  return {
    nonce: parseNonce(o['nonce']),
    action: o['secrets'] === undefined ? actionType(action).canonical(action, 'call') : action,
    waitMilliseconds: integer(o['waitMilliseconds'], 'waitMilliseconds', 1, MAX_WAIT_MILLISECONDS),
  };
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseUseAnswer(value: unknown): UseAnswer {
  const o = record(
    value,
    'body',
    ['nonce', 'grant', 'bodyForm', 'timeoutMilliseconds'],
    ['credential'],
  );
  const answer: UseAnswer = {
    nonce: parseNonce(o['nonce']),
    grant: parseGrantReference(o['grant']),
    bodyForm: oneOf(o['bodyForm'], 'bodyForm', ['None', 'JSON', 'SHA256', 'Any'] as const),
    timeoutMilliseconds: integer(o['timeoutMilliseconds'], 'timeoutMilliseconds', 1, 570_000),
  };
  if (o['credential'] === undefined) return answer;
  const c = record(o['credential'], 'credential', ['token', 'expirationTime']);
  return {
    ...answer,
    credential: {
      token: text(c['token'], 'credential.token', 16384),
      expirationTime: text(c['expirationTime'], 'credential.expirationTime', 64),
    },
  };
}
