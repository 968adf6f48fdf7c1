/** Reports the end of a use. */

import type { Outcome, Phase } from '../api/phase.ts';
import { integer, oneOf, record, text } from '../text/members.ts';
import { type GrantReference, parseGrantReference } from './grant-reference.ts';

export interface FinishRequest {
  /** Absent if the sidecar never got the answer to its use request. */
  grant?: GrantReference;
  outcome: Outcome;
  /** HTTP status of the upstream's response. */
  responseCode?: number;
  /** The token of the use: lets the replica that handles this confirm by TokenReview that it is refused. */
  credentialToken?: string;
}

export interface FinishAnswer {
  phase: Phase;
  outcome?: Outcome;
}

/** @throws ProblemError RequestMalformed, naming the member */
export function parseFinishRequest(value: unknown): FinishRequest {
  const o = record(value, 'body', ['outcome'], ['grant', 'responseCode', 'credentialToken']);
  const outcome = oneOf(o['outcome'], 'outcome', [
    'NotDispatched',
    'Succeeded',
    'Failed',
    'Unknown',
  ] as const);
  return {
    outcome,
    ...(o['grant'] === undefined ? {} : { grant: parseGrantReference(o['grant']) }),
    ...(o['responseCode'] === undefined
      ? {}
      : { responseCode: integer(o['responseCode'], 'responseCode', 100, 599) }),
    ...(o['credentialToken'] === undefined
      ? {}
      : { credentialToken: text(o['credentialToken'], 'credentialToken', 16384) }),
  };
}
