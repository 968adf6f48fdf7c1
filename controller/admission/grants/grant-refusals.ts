/**
 * The words of the rules about grants that the chart's policy `actiongrant-grants` restates in CEL, for clusters whose webhook
 * is not there. Policies run before validating webhooks, so people usually read the policy's. `scripts/generate-chart.ts` writes
 * them into the chart, with a CEL expression for each value.
 */

import { API_GROUP } from '../../../core/api/names.ts';
import { type GrantRefusal, LET_SOMEBODY_ELSE } from '../../grants/grant-refusal.ts';

const CONTROLLER_NEVER_DECIDES =
  'the ActionGrant controller asks and never decides. Leave the field out';
export const DECIDED_BY_THE_CONTROLLER: GrantRefusal<Record<never, string>> = {
  field: 'spec.approvedByRequester',
  reason: () => CONTROLLER_NEVER_DECIDES,
  general: CONTROLLER_NEVER_DECIDES,
};

const resource = `actiondecisions.${API_GROUP}`;
export const REQUESTER_MAY_NOT_DECIDE: GrantRefusal<{ requester: string; namespace: string }> = {
  field: 'spec.approvedByRequester',
  reason: ({ requester, namespace }) =>
    `${requester} may not create ${resource} in the namespace ${namespace}, so may not decide by asking. Leave the field out ${LET_SOMEBODY_ELSE} the role actiongrant-decider bound to you there`,
  general: `you may not create ${resource} in this namespace, so may not decide by asking. Leave the field out ${LET_SOMEBODY_ELSE} the role actiongrant-decider bound to you there`,
};

/** Why a grant that decides itself may not carry the mark of a tool. */
export function markedBy(tool: string): string {
  return `${tool} marks with this what it creates again whenever it is gone, so one commit would be unlimited actions. Create the grant with kubectl create and without the mark, or leave spec.approvedByRequester out`;
}
