/** What a grant needs next, from its state and the time alone. Pure: the reconcilers do what this says. */

import type { ActionGrant, Use } from '../../core/api/generated/actiongrant.ts';
import { currentUse, hasEnded } from '../../core/api/grant.ts';
import { CONFIRMATION_LIMIT_MILLISECONDS } from '../credentials/confirm.ts';
import type { Approval } from '../grants/approval.ts';

/**
 * How long after its deadline a use is closed without a report. The sidecar's own deadline runs from when it sent its request, so
 * it has cut the call before; the rest is for its report to arrive.
 */
export const DEADLINE_SLACK_MILLISECONDS = 5_000;

export type Step =
  /** Make it usable. */
  | { type: 'Approve' }
  /** Not seen before, and nobody has decided: describe it, then wait. */
  | { type: 'Describe' }
  | { type: 'Expire' }
  /** The use will not be reported any more: revoke, then record Unknown. */
  | { type: 'Burn'; use: Use; reason: 'its deadline passed' | 'its pod is gone' }
  /** Terminal, but a Secret is still named. */
  | { type: 'Collect' }
  /** Nobody confirmed the revocation in time. */
  | { type: 'Unconfirmed'; use: Use }
  | { type: 'Remove'; reason: RemovalReason }
  /** Nothing until then; `undefined`: until it changes. */
  | { type: 'Wait'; milliseconds: number | undefined };

export type RemovalReason = 'its time to live is over' | 'its namespace keeps newer ones';

export interface Facts {
  /** Wall clock, ms. */
  now: number;
  approval: Approval;
  /** Whether the pod of a use is known to be gone. */
  podIsGone(use: Use): boolean;
  /** Whether its namespace has more ended grants than it may keep, and this one ended first. */
  isSurplus(): boolean;
}

export function planStep(grant: ActionGrant, facts: Facts): Step {
  const { now } = facts;
  const phase = grant.status?.phase;
  // The grant is deleted, and only somebody's finalizer holds it. Nothing begins any more; a use is still revoked in time.
  if (
    isBeingDeleted(grant) &&
    (phase === undefined || phase === 'Pending' || phase === 'Approved')
  ) {
    return { type: 'Wait', milliseconds: undefined };
  }
  switch (phase) {
    case undefined:
    case 'Pending': {
      const deadline =
        Date.parse(grant.metadata.creationTimestamp) + grant.spec.decisionDeadlineSeconds * 1000;
      if (now >= deadline) return { type: 'Expire' };
      if (facts.approval.type === 'Approved') return { type: 'Approve' };
      if (phase === undefined) return { type: 'Describe' };
      return { type: 'Wait', milliseconds: deadline - now };
    }
    case 'Approved': {
      const expiration = Date.parse(grant.status?.expirationTime ?? '');
      // An unreadable time counts as passed: fail closed.
      if (!(now < expiration)) return { type: 'Expire' };
      return earliest(pendingConfirmation(grant, now), expiration - now);
    }
    case 'InUse': {
      const use = currentUse(grant);
      if (use === undefined) return { type: 'Wait', milliseconds: undefined };
      // The deadline first: whether the pod is gone has yet to be asked, and the answer may be no.
      const end = Date.parse(use.deadlineTime) + DEADLINE_SLACK_MILLISECONDS;
      if (!(now < end)) return { type: 'Burn', use, reason: 'its deadline passed' };
      if (facts.podIsGone(use)) return { type: 'Burn', use, reason: 'its pod is gone' };
      return { type: 'Wait', milliseconds: end - now };
    }
    default:
      return planEnded(grant, facts);
  }
}

function planEnded(grant: ActionGrant, { now, isSurplus }: Facts): Step {
  if (!hasEnded(grant)) {
    return { type: 'Wait', milliseconds: undefined };
  }
  if (grant.status.credential !== undefined) return { type: 'Collect' };
  const confirmation = pendingConfirmation(grant, now);
  if (confirmation !== undefined) return confirmation;
  if (isBeingDeleted(grant)) return { type: 'Wait', milliseconds: undefined };
  const removal =
    Date.parse(grant.status.finishTime ?? grant.metadata.creationTimestamp) +
    grant.spec.ttlSecondsAfterFinished * 1000;
  if (now >= removal) return { type: 'Remove', reason: 'its time to live is over' };
  if (isSurplus()) return { type: 'Remove', reason: 'its namespace keeps newer ones' };
  return { type: 'Wait', milliseconds: removal - now };
}

function isBeingDeleted({ metadata }: ActionGrant): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** A revocation that waits for its confirmation: a step if its time is over, a wait if not. */
function pendingConfirmation(grant: ActionGrant, now: number): Step | undefined {
  const open = grant.status?.conditions?.some(
    (c) => c.type === 'CredentialRevoked' && c.status === 'Unknown',
  );
  const use = grant.status?.uses?.findLast(
    ({ credential }) =>
      credential?.deletedTime !== undefined && credential.rejectedTime === undefined,
  );
  if (!open || use?.credential?.deletedTime === undefined) return undefined;
  const limit =
    Date.parse(use.credential.deletedTime) +
    CONFIRMATION_LIMIT_MILLISECONDS +
    DEADLINE_SLACK_MILLISECONDS;
  return now >= limit ? { type: 'Unconfirmed', use } : { type: 'Wait', milliseconds: limit - now };
}

function earliest(step: Step | undefined, milliseconds: number): Step {
  if (step === undefined) return { type: 'Wait', milliseconds };
  if (step.type !== 'Wait') return step;
  return {
    type: 'Wait',
    milliseconds: Math.min(step.milliseconds ?? Number.POSITIVE_INFINITY, milliseconds),
  };
}
