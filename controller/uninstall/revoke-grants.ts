/** Revokes every live grant, so that no credential outlives the controller. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { revokeAll } from '../credentials/credentials.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { reasonOf } from '../jobs/output.ts';
import { isTransient, type Retry } from '../jobs/retry.ts';

export interface Revocations {
  /** How many grants were revoked. */
  revoked: number;
  /** The grants that could not be, each with the reason. */
  failed: string[];
}

interface Failure {
  grant: LiveGrant;
  error: unknown;
}

/**
 * Deletes what keeps credentials alive, then the grants, which nobody could revoke any more. A grant that cannot be revoked,
 * such as one in a namespace that was taken out of `rbac.agentNamespaces`, does not keep the others alive.
 * @throws KubernetesError if live grants cannot be listed
 */
export async function revokeLiveGrants(
  client: KubernetesClient,
  retry: Retry,
): Promise<Revocations> {
  const revoked = new Set<string>();
  let failures: Failure[] = [];
  await retry(async () => {
    // Listed at each try: the controller still runs, and may approve more.
    const grants = await liveGrants(client);
    failures = [];
    for (const grant of grants) {
      try {
        await revoke(client, grant);
        revoked.add(grant.metadata.uid);
      } catch (error) {
        failures.push({ grant, error });
      }
    }
    const transient = failures.find(({ error }) => isTransient(error));
    if (transient !== undefined) throw transient.error;
  }).catch((error: unknown) => {
    // With failures, the error is one of theirs.
    if (failures.length === 0) throw error;
  });
  return { revoked: revoked.size, failed: failures.map(lineOf) };
}

function lineOf({ grant, error }: Failure): string {
  const { namespace, name } = grant.metadata;
  return `${namespace}/${name}: ${reasonOf(error)}`;
}

async function liveGrants(client: KubernetesClient): Promise<LiveGrant[]> {
  return (await Promise.all(['Approved', 'InUse'].map((phase) => grantsIn(client, phase)))).flat();
}

async function revoke(client: KubernetesClient, grant: LiveGrant): Promise<void> {
  const { namespace, name, uid } = grant.metadata;
  // Not left to garbage collection: a grant is revoked once its Secret is known to be gone.
  await revokeAll(client, grant);
  await client.delete(actionGrants, { namespace, name }, { uid });
}

/** None where the CRD is gone already. */
async function grantsIn(client: KubernetesClient, phase: string): Promise<LiveGrant[]> {
  try {
    const fieldSelector = `status.phase=${phase}`;
    return (await client.list(actionGrants, { fieldSelector })).items;
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return [];
    throw error;
  }
}
