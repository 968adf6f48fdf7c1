/** What a grant says of itself: read where it is needed, in one way. */

import type { ActionGrant, ActionGrantStatus } from './generated/actiongrant.ts';
import { isTerminal } from './phase.ts';

/** The agent's namespace: the grant's own, unless it says otherwise. */
export function agentNamespace(grant: ActionGrant): string {
  return grant.spec.agent.namespace ?? grant.metadata.namespace;
}

/** Whether the grant is in a phase that nothing leaves: it is over, and can only be tidied up. */
export function hasEnded(
  grant: ActionGrant,
): grant is ActionGrant & { readonly status: ActionGrantStatus } {
  return grant.status !== undefined && isTerminal(grant.status.phase);
}

/** How many uses ended without a byte sent and were given back. */
export function attemptsUsed(grant: ActionGrant): number {
  return (grant.status?.uses ?? []).filter((use) => use.outcome === 'NotDispatched').length;
}

/** The use that a grant InUse is in: the one that has not ended. */
export function currentUse(grant: ActionGrant) {
  return grant.status?.phase === 'InUse'
    ? grant.status.uses?.find((use) => use.endTime === undefined)
    : undefined;
}
