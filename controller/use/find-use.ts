/** Finds the grant that a reported use is of. */

import type { Use } from '../../core/api/generated/actiongrant.ts';
import { currentUse } from '../../core/api/grant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { FinishRequest } from '../../core/wire/finish.ts';
import { type GrantCache, grantOfNonce } from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import type { Caller } from './caller.ts';

export interface UseReport {
  caller: Caller;
  nonce: string;
  report: FinishRequest;
}

interface FindDependencies {
  client: Pick<KubernetesClient, 'get' | 'list'>;
  cache: GrantCache;
}

/**
 * The grant that this nonce was used on: from the cache, or live where the cache does not have it.
 * @param live the cache is known to be behind
 * @throws ProblemError UseUnknown; KubernetesError
 */
export async function findUse(
  dependencies: FindDependencies,
  { caller, nonce, report }: UseReport,
  live: boolean,
): Promise<{ grant: LiveGrant; use: Use }> {
  const known = grantOfNonce(dependencies.cache, nonce);
  // The report names the grant of its credential, and must not end another one.
  const cached =
    report.grant === undefined || known?.metadata.uid === report.grant.uid ? known : undefined;
  const reference = report.grant ?? cached?.metadata;
  const grant =
    !live && cached !== undefined
      ? cached
      : reference === undefined
        ? await search(dependencies, caller, nonce)
        : await readLive(dependencies, reference);
  const use = grant?.status?.uses?.find(({ id }) => id === nonce);
  if (grant === undefined || use === undefined) {
    throw new ProblemError(
      'UseUnknown',
      'nonce: no grant names a use with this nonce; if its use request was never answered, it consumed nothing so far.',
      { field: 'nonce' },
    );
  }
  return { grant, use };
}

async function readLive(
  { client, cache }: FindDependencies,
  { namespace, name, uid }: { namespace?: string; name: string; uid: string },
): Promise<LiveGrant | undefined> {
  try {
    const grant = await client.get(actionGrants, {
      ...(namespace === undefined ? {} : { namespace }),
      name,
    });
    cache.observe(grant);
    return grant.metadata.uid === uid ? grant : undefined;
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** The sidecar never got an answer, so it cannot name the grant. Cluster-wide: the grant may be in another namespace. */
async function search(
  { client }: FindDependencies,
  { serviceAccountName }: Caller,
  nonce: string,
): Promise<LiveGrant | undefined> {
  const { items } = await client.list(actionGrants, {
    fieldSelector: `spec.agent.serviceAccountName=${serviceAccountName},status.phase=InUse`,
  });
  return items.find((grant) => currentUse(grant)?.id === nonce);
}
