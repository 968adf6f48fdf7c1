/** What a call does next to get its grant: decided from what was tried so far and what the cache says now. Pure. */

import type { BodyForm } from '../../core/action/body.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { LiveGrant } from '../grants/resource.ts';
import type { Mismatch } from './match.ts';
import type { NearGrant } from './nearest.ts';
import { alreadyUsed, grantRequired, outcomeAmbiguous, timeIsOver } from './refusals.ts';

/** How often a lost compare-and-swap is answered with another look. */
export const MAX_CONFLICTS = 8;
/** Grants whose credential was refused that one call passes over. */
export const MAX_REFUSED = 3;
/** Time that must be left to start a step: less would only burn the grant. */
export const MIN_STEP_MILLISECONDS = 20;

/** A grant that permits the call, and the form in which it states the body. */
export interface Candidate {
  grant: LiveGrant;
  form: BodyForm;
}

/** What one call has tried so far. */
export interface Progress {
  /** Compare-and-swaps that somebody else won. */
  conflicts: number;
  /** The grant of the last of them, until it was read again. */
  lost: LiveGrant | undefined;
  /** Whether a consuming write may have been applied, or may still be. */
  ambiguous: boolean;
  /** Grants without a credential to be had, by UID: they must not stand in the way of a new one for the same action. */
  refused: ReadonlyMap<string, ProblemError>;
  /** Whether the cache was checked against the API server since the call came. */
  fresh: boolean;
}

export const NOTHING_TRIED: Progress = {
  conflicts: 0,
  lost: undefined,
  ambiguous: false,
  refused: new Map(),
  fresh: false,
};

/** What the cache and this replica say now. */
export interface View {
  /** Whether some grant names a use with the call's nonce. */
  nonceIsUsed: boolean;
  /** Grants that permit the call, the best first. */
  matching: readonly Candidate[];
  /** Why other grants for the action do not. */
  mismatches: readonly Mismatch[];
  /** Whether another call of this replica tries the grant now: to mint for it would be in vain. */
  isBeingTried(grant: LiveGrant): boolean;
  /** Grants for the action that are not approved any more, or not yet; the latest first. For telling why. */
  others(): readonly LiveGrant[];
  /** Usable grants that differ from the call in one field. For telling which. */
  nearest(): readonly NearGrant[];
}

export type UseStep =
  /** Issue the credential, consume the grant, hand over. */
  | { type: 'Try'; candidate: Candidate }
  /** Every grant that permits the call is being tried by others: wait for the best one's end. */
  | { type: 'WaitFor'; grant: LiveGrant }
  /** Somebody else changed this grant first: read it from the API server. */
  | { type: 'LookAgain'; grant: LiveGrant }
  /** The cache has no grant; it may lag behind. */
  | { type: 'Freshen' }
  | { type: 'Refuse'; problem: ProblemError };

/** How an attempt on one grant ended without a hand-over. */
export type FailedAttempt =
  | { type: 'Conflict' }
  | { type: 'Ambiguous' }
  | { type: 'CredentialRefused'; problem: ProblemError };

/**
 * @param look is only asked where what was tried leaves something to try
 * @param millisecondsLeft of the time that the caller waits; none if it has gone
 */
export function nextStep(progress: Progress, look: () => View, millisecondsLeft: number): UseStep {
  const step = stepInTime(progress, look);
  // Nothing is begun for a caller that does not wait for its end.
  return step.type === 'Refuse' || millisecondsLeft >= MIN_STEP_MILLISECONDS
    ? step
    : refuse(timeIsOver());
}

function stepInTime(
  { conflicts, lost, ambiguous, refused, fresh }: Progress,
  look: () => View,
): UseStep {
  // The write may still land: with another grant, one call could consume two.
  if (ambiguous) return refuse(outcomeAmbiguous());
  const refusals = [...refused.values()];
  const [firstRefusal] = refusals;
  const lastRefusal = refusals.at(-1);
  if (lastRefusal !== undefined && refusals.length >= MAX_REFUSED) return refuse(lastRefusal);
  if (conflicts >= MAX_CONFLICTS) {
    return refuse(new ProblemError('UseRaced', `The grant changed ${conflicts} times; try again.`));
  }
  if (lost !== undefined) return { type: 'LookAgain', grant: lost };

  const view = look();
  if (view.nonceIsUsed) return refuse(alreadyUsed());
  const usable = view.matching.filter(({ grant }) => !refused.has(grant.metadata.uid));
  const candidate = usable.find(({ grant }) => !view.isBeingTried(grant));
  if (candidate !== undefined) return { type: 'Try', candidate };
  const [best] = usable;
  if (best !== undefined) return { type: 'WaitFor', grant: best.grant };
  if (!fresh) return { type: 'Freshen' };
  return refuse(firstRefusal ?? grantRequired(view.mismatches, view.others(), view.nearest()));
}

/** What was tried so far, with one more attempt. */
export function withAttempt(
  progress: Progress,
  grant: LiveGrant,
  attempt: FailedAttempt,
): Progress {
  switch (attempt.type) {
    case 'Ambiguous':
      return { ...progress, ambiguous: true };
    case 'Conflict':
      return { ...progress, conflicts: progress.conflicts + 1, lost: grant };
    case 'CredentialRefused': {
      const refused = new Map([...progress.refused, [grant.metadata.uid, attempt.problem]]);
      return { ...progress, refused };
    }
  }
}

function refuse(problem: ProblemError): UseStep {
  return { type: 'Refuse', problem };
}
