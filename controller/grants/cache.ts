/** The informer cache of grants, with the indexes by which the exchange and the reconcilers find them. */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { agentNamespace, currentUse, hasEnded } from '../../core/api/grant.ts';
import type { Store } from '../../core/kubernetes/store.ts';
import { compareTimes } from '../../core/kubernetes/time.ts';
import { approvalOf } from './approval.ts';
import { digestOf } from './granted.ts';
import type { LiveGrant } from './resource.ts';

/** What the transaction needs of the reflector. */
export interface GrantCache extends Store<ActionGrant> {
  observe(grant: LiveGrant): boolean;
}

const BY_ACTION = 'agentAction';
const BY_PAST_ACTION = 'agentActionNotApproved';
const BY_AGENT_APPROVED = 'agentApproved';
const BY_NONCE = 'nonce';
const BY_POD = 'podInUse';
const BY_AGENT_WAITING = 'agentAwaitingDecision';
const BY_NAMESPACE_ENDED = 'namespaceEnded';

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
  cache.index(BY_AGENT_APPROVED, (grant) =>
    grant.status?.phase === 'Approved' ? [agentKey(agentOf(grant))] : [],
  );
  cache.index(BY_NONCE, (grant) => grant.status?.uses?.map((use) => use.id) ?? []);
  cache.index(BY_POD, (grant) => {
    const use = currentUse(grant);
    return use === undefined ? [] : [use.podUID];
  });
  cache.index(BY_AGENT_WAITING, (grant) =>
    awaitsDecision(grant) ? [agentKey(agentOf(grant))] : [],
  );
  cache.index(BY_NAMESPACE_ENDED, (grant) =>
    isKept(grant) && hasEnded(grant) ? [grant.metadata.namespace] : [],
  );
}

/** Approved grants of this agent for this digest. */
export function grantsForAction(cache: GrantCache, agent: Agent, digest: string): LiveGrant[] {
  return cache.byIndex(BY_ACTION, actionKey(agent, digest));
}

/** Grants of this agent for this digest that cannot be used: not yet, or not any more. For telling why. */
export function otherGrantsForAction(cache: GrantCache, agent: Agent, digest: string): LiveGrant[] {
  return cache.byIndex(BY_PAST_ACTION, actionKey(agent, digest));
}

/** Approved grants of this agent, whatever they are for. */
export function approvedGrants(cache: GrantCache, agent: Agent): LiveGrant[] {
  return cache.byIndex(BY_AGENT_APPROVED, agentKey(agent));
}

/** The grant that a nonce was used on. */
export function grantOfNonce(cache: GrantCache, nonce: string): LiveGrant | undefined {
  return cache.byIndex(BY_NONCE, nonce)[0];
}

/** Grants in use by this pod. */
export function grantsInUseBy(cache: GrantCache, podUID: string): LiveGrant[] {
  return cache.byIndex(BY_POD, podUID);
}

/** Grants for this agent that wait for somebody's decision, in whatever namespace. */
export function countAwaitingDecision(cache: GrantCache, agent: Agent): number {
  return cache.countByIndex(BY_AGENT_WAITING, agentKey(agent));
}

/** The grant of the namespace that ended first, if more than `most` have ended. */
export function firstEndedBeyond(
  cache: GrantCache,
  namespace: string,
  most: number,
): LiveGrant | undefined {
  if (cache.countByIndex(BY_NAMESPACE_ENDED, namespace) <= most) return undefined;
  return cache
    .byIndex(BY_NAMESPACE_ENDED, namespace)
    .reduce((first, grant) => (compareTimes(endOf(grant), endOf(first)) < 0 ? grant : first));
}

function endOf({ metadata, status }: LiveGrant): string {
  return status?.finishTime ?? metadata.creationTimestamp;
}

/** What is being deleted, and only held by somebody's finalizer, counts as gone. */
function isKept({ metadata }: LiveGrant): boolean {
  return metadata.deletionTimestamp === undefined;
}

function awaitsDecision(grant: LiveGrant): boolean {
  return (
    isKept(grant) &&
    (grant.status?.phase ?? 'Pending') === 'Pending' &&
    approvalOf(grant).type === 'Waiting'
  );
}

/** An earlier release may have recorded a digest of another form, so what the grant says is looked at, too. */
function keysOf(grant: LiveGrant): string[] {
  const recorded = grant.status?.actionDigest;
  if (recorded === undefined) return [];
  const digests = new Set([recorded, digestOf(grant) ?? recorded]);
  return [...digests].map((digest) => actionKey(agentOf(grant), digest));
}

export function agentOf(grant: ActionGrant): Agent {
  return {
    namespace: agentNamespace(grant),
    serviceAccountName: grant.spec.agent.serviceAccountName,
  };
}

function agentKey({ namespace, serviceAccountName }: Agent): string {
  return `${namespace}/${serviceAccountName}`;
}

function actionKey(agent: Agent, digest: string): string {
  return `${agentKey(agent)}/${digest}`;
}
