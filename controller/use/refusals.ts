/** Why a call gets no grant, in words. */

import type { Phase } from '../../core/api/phase.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { LiveGrant } from '../grants/resource.ts';
import type { Mismatch } from './match.ts';
import type { NearGrant } from './nearest.ts';

export function alreadyUsed(): ProblemError {
  return new ProblemError(
    'AlreadyUsed',
    'nonce: a use with this nonce exists; every call needs a nonce of its own.',
    { field: 'nonce' },
  );
}

export function timeIsOver(): ProblemError {
  return new ProblemError(
    'UseRaced',
    'The time that the sidecar would wait is over; nothing was consumed.',
  );
}

export function outcomeAmbiguous(): ProblemError {
  return new ProblemError(
    'OutcomeAmbiguous',
    'The answer of the API server was lost, so whether the grant was consumed is not known. No credential was handed over; try again.',
  );
}

/** Grants named in a refusal, at most. */
const MAX_NAMED = 3;

/** What became of grants for this very action: most refusals are a second use, or a grant that still waits. */
const STANDING: Readonly<Record<Phase, string>> = {
  Pending: 'waits for a decision',
  Approved: 'is approved',
  InUse: 'is in use by another call',
  Finished: 'was used',
  Denied: 'was denied',
  Expired: 'has expired',
  Revoked: 'was revoked',
};

/**
 * @param mismatches why approved grants for this action cannot be used
 * @param others grants for this action in other phases; the first of them are named
 * @param nearest usable grants for an action that differs in one field
 */
export function grantRequired(
  mismatches: readonly Mismatch[],
  others: readonly LiveGrant[],
  nearest: readonly NearGrant[] = [],
): ProblemError {
  const named = others
    .slice(0, MAX_NAMED)
    .map(({ metadata, status }) => `${metadata.name} ${STANDING[status?.phase ?? 'Pending']}`);
  const seen = [...new Set(mismatches)].map((reason) => `an approved one ${reason}`);
  const near = nearest.map(
    ({ grant, field }) => `${grant.metadata.name} is approved and differs only in ${field}`,
  );
  const known = [...seen, ...named, ...near];
  const body = nearest.find(({ json }) => json !== undefined);
  return new ProblemError(
    'GrantRequired',
    `No approved, unused grant of this agent covers exactly this action${
      known.length === 0 ? '' : ` (${known.join('; ')})`
    }.`,
    body?.json === undefined
      ? {}
      : { nearBody: { grant: body.grant.metadata.name, json: body.json } },
  );
}
