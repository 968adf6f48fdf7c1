/** Finds the grant that a reported use is of. */

import type { Use } from '../../core/api/generated/actiongrant.ts';
import { currentUse, hasEnded } from '../../core/api/grant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { FinishRequest } from '../../core/wire/finish.ts';
import type { GrantReference } from '../../core/wire/grant-reference.ts';
import { createSpacedReads } from '../../process/spaced-reads.ts';
import { agentOf, type GrantCache, grantOfNonce } from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import type { Caller } from './caller.ts';
import type { Freshener } from './freshen.ts';

export interface UseReport {
  caller: Caller;
  nonce: string;
  report: FinishRequest;
}

export interface FindDependencies {
  client: Pick<KubernetesClient, 'get'>;
  cache: GrantCache;
  clock: Clock;
  /** Of grants in use. */
  freshener: Freshener;
}

export interface UseFinder {
  /**
   * The grant that this nonce was used on: from the cache, or live where the cache does not have it. Live reads are shared and
   * spaced: nobody can cause many by reports of uses that never were.
   * @param live the cache is known to be behind
   * @throws ProblemError UseUnknown; KubernetesError
   */
  find(reported: UseReport, live: boolean): Promise<{ grant: LiveGrant; use: Use }>;
}

/** Reads of named grants under way, of all callers together. */
const AT_ONCE = 2;

export function createUseFinder({ client, cache, clock, freshener }: FindDependencies): UseFinder {
  const readLive = async ({ namespace, name, uid }: GrantReference) => {
    try {
      const grant = await client.get(actionGrants, { namespace, name });
      cache.observe(grant);
      return grant.metadata.uid === uid ? grant : undefined;
    } catch (error) {
      if (isKubernetesError(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  const reads = createSpacedReads({ clock, atOnce: AT_ONCE, read: readLive });

  const grantOf = async (
    { caller, nonce, report }: UseReport,
    live: boolean,
  ): Promise<LiveGrant | undefined> => {
    const cached = cachedGrant(cache, nonce, report);
    // Somebody else wrote it: who ends the use must see what, at once.
    if (cached !== undefined) return live ? readLive(referenceTo(cached)) : cached;
    if (report.grant !== undefined) {
      const { namespace, name, uid } = report.grant;
      return reads.read(`${namespace}/${name}/${uid}`, report.grant);
    }
    // The sidecar never got an answer, so it cannot name the grant.
    await freshener.freshen(caller);
    return cachedGrant(cache, nonce, report);
  };

  return {
    async find(reported, live) {
      const { nonce } = reported;
      const grant = await grantOf(reported, live);
      const use = grant?.status?.uses?.find(({ id }) => id === nonce);
      if (grant === undefined || use === undefined) {
        throw new ProblemError(
          'UseUnknown',
          'nonce: no grant names a use with this nonce; if its use request was never answered, it consumed nothing so far.',
          { field: 'nonce' },
        );
      }
      return { grant, use };
    },
  };
}

/**
 * Whether this may be the end of a use that is under way for the caller, as far as the cache knows. Such an end revokes a
 * credential and must not wait behind anything that the caller can send. Pure.
 */
export function mayEndOpenUse(cache: GrantCache, { caller, nonce, report }: UseReport): boolean {
  const known = grantOfNonce(cache, nonce);
  if (known !== undefined) {
    const use = currentUse(known);
    return use?.id === nonce && use.podUID === caller.podUID;
  }
  // The cache may lag behind the write that consumed the grant.
  const named = report.grant === undefined ? undefined : cache.get(report.grant);
  if (named === undefined || named.metadata.uid !== report.grant?.uid || hasEnded(named)) {
    return false;
  }
  const agent = agentOf(named);
  return (
    agent.namespace === caller.namespace && agent.serviceAccountName === caller.serviceAccountName
  );
}

function cachedGrant(
  cache: GrantCache,
  nonce: string,
  { grant }: FinishRequest,
): LiveGrant | undefined {
  const known = grantOfNonce(cache, nonce);
  // The report names the grant of its credential, and must not end another one.
  return grant === undefined || known?.metadata.uid === grant.uid ? known : undefined;
}

function referenceTo({ metadata: { namespace, name, uid } }: LiveGrant): GrantReference {
  return { namespace, name, uid };
}
