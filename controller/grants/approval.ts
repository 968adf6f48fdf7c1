/** Where a grant stands with those who decide about it. Pure: a tally of decisions. */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';

/** One approval of one grant, with what the condition Approved says if it is the one that counts. */
export interface GrantDecision {
  reason: string;
  message: string;
}

/** `reason` and `message` are those of the condition Approved. */
export interface Approval {
  type: 'Approved' | 'Waiting';
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
          reason: 'ApprovedByRequester',
          message: 'The requester approved the grant by creating it.',
        },
      ]
    : [];
}

/** One approval is enough; the first one counts. */
export function tally([first]: readonly GrantDecision[]): Approval {
  return first === undefined ? NOBODY : { type: 'Approved', ...first };
}

export function approvalOf(grant: ActionGrant): Approval {
  return tally(decisionsOn(grant));
}
