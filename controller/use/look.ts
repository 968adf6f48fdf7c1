/** What the cache, and where it lags the API server, say of the grants that a call could use. */

import { actionKeys } from '../../core/action/digest.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { compareTimes } from '../../core/kubernetes/time.ts';
import type { UseRequest } from '../../core/wire/use.ts';
import {
  approvedGrants,
  type GrantCache,
  grantsForAction,
  otherGrantsForAction,
} from '../grants/cache.ts';
import { digestOf } from '../grants/granted.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import type { Caller } from './caller.ts';
import { type CallFacts, mismatch, preferred } from './match.ts';
import { type NearGrant, nearestGrants } from './nearest.ts';
import type { View } from './next-step.ts';

interface LookDependencies {
  cache: GrantCache;
  acceptsGrantsFrom: CallFacts['acceptsGrantsFrom'];
}

/** @param now wall clock, ms */
export function matchGrants(
  { cache, acceptsGrantsFrom }: LookDependencies,
  caller: Caller,
  { action, nonce }: UseRequest,
  now: number,
): Pick<View, 'matching' | 'mismatches'> {
  const found = actionKeys(action).flatMap(({ form, digest }) =>
    grantsForAction(cache, caller, digest).map((grant) => ({
      grant,
      form,
      reason: mismatch(grant, { caller, nonce, digest, now, acceptsGrantsFrom }),
    })),
  );
  return {
    matching: found.filter(({ reason }) => reason === undefined).sort(preferred),
    mismatches: found.flatMap(({ reason }) => reason ?? []),
  };
}

/**
 * The latest first. Grants of a namespace that the agent's own does not accept are left out: a refusal would show the agent their
 * names.
 */
export function otherGrants(
  { cache, acceptsGrantsFrom }: LookDependencies,
  caller: Caller,
  { action }: UseRequest,
): LiveGrant[] {
  return actionKeys(action)
    .flatMap(({ digest }) => otherGrantsForAction(cache, caller, digest))
    .filter(
      ({ metadata: { namespace } }) =>
        namespace === caller.namespace || acceptsGrantsFrom(caller.namespace, namespace),
    )
    .sort((a, b) => compareTimes(b.metadata.creationTimestamp, a.metadata.creationTimestamp));
}

/**
 * Grants that the caller could use now, if its call were the one that they state. What they state is told by the name of a field
 * only, and of no grant that the caller could not use.
 */
export function nearGrants(
  { cache, acceptsGrantsFrom }: LookDependencies,
  caller: Caller,
  { action, nonce }: UseRequest,
  now: number,
): NearGrant[] {
  const usable = approvedGrants(cache, caller).filter((grant) => {
    const digest = digestOf(grant);
    return (
      digest !== undefined &&
      mismatch(grant, { caller, nonce, digest, now, acceptsGrantsFrom }) === undefined
    );
  });
  return nearestGrants(action, usable);
}

/**
 * Reads the grant from the API server into the cache.
 * @returns whether it is no longer what we had
 * @throws KubernetesError
 */
export async function hasChanged(
  { client, cache }: { client: Pick<KubernetesClient, 'get'>; cache: GrantCache },
  grant: LiveGrant,
  timeoutMilliseconds: number,
): Promise<boolean> {
  const { namespace, name, resourceVersion } = grant.metadata;
  try {
    const live = await client.get(actionGrants, { namespace, name }, { timeoutMilliseconds });
    cache.observe(live);
    return live.metadata.resourceVersion !== resourceVersion;
  } catch (error) {
    if (!isKubernetesError(error, 'NotFound')) throw error;
    // The grant is deleted. Until the watch says so, every attempt ends here, and the number of attempts is bounded.
    return true;
  }
}
