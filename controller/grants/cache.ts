/** The informer cache of grants, with the indexes by which the exchange and the reconcilers find them. */

import type { ActionGrant } from '../../api/generated/actiongrant.ts';
import { agentNamespace, currentUse } from '../../api/grant.ts';
import type { Store } from '../kubernetes/store.ts';
import type { LiveGrant } from './resource.ts';

/** What the transaction needs of the reflector. */
export interface GrantCache extends Store<ActionGrant> {
  observe(grant: LiveGrant): boolean;
}

const BY_ACTION = 'agentAction';
const BY_PAST_ACTION = 'agentActionNotApproved';
const BY_NONCE = 'nonce';
const BY_POD = 'podInUse';

/** An agent, as grants name it. */
export interface Agent {
  namespace: string;
  serviceAccountName: string;
}

/** Registers the indexes. Once per cache, before it is used. */
export function indexGrants(cache: GrantCache): void {
  cache.index(BY_ACTION, (grant) => (grant.status?.phase === 'Approved' ? keysOf(grant) : []));
  // Two indexes, so that a use never has to pass over the grants that were used before.
  cache.index(BY_PAST_ACTION, (grant) => (grant.status?.phase === 'Approved' ? [] : keysOf(grant)));
  cache.index(BY_NONCE, (grant) => grant.status?.uses?.map((use) => use.id) ?? []);
  cache.index(BY_POD, (grant) => {
    const use = currentUse(grant);
    return use === undefined ? [] : [use.podUID];
  });
}

/** Approved grants of this agent for this digest. */
export function grantsForAction(cache: GrantCache, agent: Agent, digest: string): LiveGrant[] {
  return cache.byIndex(BY_ACTION, actionKey(agent, digest));
}

/** Grants of this agent for this digest that cannot be used: not yet, or not any more. For telling why. */
export function otherGrantsForAction(cache: GrantCache, agent: Agent, digest: string): LiveGrant[] {
  return cache.byIndex(BY_PAST_ACTION, actionKey(agent, digest));
}

/** The grant that a nonce was used on. */
export function grantOfNonce(cache: GrantCache, nonce: string): LiveGrant | undefined {
  return cache.byIndex(BY_NONCE, nonce)[0];
}

/** Grants in use by this pod. */
export function grantsInUseBy(cache: GrantCache, podUID: string): LiveGrant[] {
  return cache.byIndex(BY_POD, podUID);
}

function keysOf(grant: LiveGrant): string[] {
  const digest = grant.status?.actionDigest;
  const { serviceAccountName } = grant.spec.agent;
  return digest === undefined
    ? []
    : [actionKey({ namespace: agentNamespace(grant), serviceAccountName }, digest)];
}

function actionKey(agent: Agent, digest: string): string {
  return `${agent.namespace}/${agent.serviceAccountName}/${digest}`;
}
