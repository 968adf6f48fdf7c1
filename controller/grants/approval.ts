/** Where a grant stands with those who decide about it. Pure: a tally of decisions. */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';

/** One decision about one grant, with what the condition Approved says if it is the one that counts. */
export interface GrantDecision {
  verdict: 'Approve' | 'Deny';
  reason: string;
  message: string;
}

/** `reason` and `message` are those of the condition Approved. */
export interface Approval {
  type: 'Approved' | 'Denied' | 'Waiting';
  reason: string;
  message: string;
}

const NOBODY: Approval = {
  type: 'Waiting',
  reason: 'AwaitingDecision',
  message: 'No decision has been made yet.',
};

/** The decisions about a grant. A requester who may decide does so by creating it. */
function decisionsOn({ spec }: ActionGrant): GrantDecision[] {
  return spec.approvedByRequester
    ? [
        {
          verdict: 'Approve',
          reason: 'ApprovedByRequester',
          message: 'The requester approved the grant by creating it.',
        },
      ]
    : [];
}

/** One denial is enough, whatever else was decided; without any, one approval is. */
export function tally(decisions: readonly GrantDecision[]): Approval {
  const denial = decisions.find(({ verdict }) => verdict === 'Deny');
  if (denial !== undefined) {
    return { type: 'Denied', reason: denial.reason, message: denial.message };
  }
  const approval = decisions.find(({ verdict }) => verdict === 'Approve');
  if (approval !== undefined) {
    return { type: 'Approved', reason: approval.reason, message: approval.message };
  }
  return NOBODY;
}

export function approvalOf(grant: ActionGrant): Approval {
  return tally(decisionsOn(grant));
}
