/** Closes a use that nobody will report any more. Never given back: what may have been sent is not sent again. */

import type { Use } from '../../core/api/generated/actiongrant.ts';
import { agentNamespace } from '../../core/api/grant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { revokeUse } from '../credentials/credentials.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { finished } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import { podHasEnded, pods } from '../pods/resource.ts';
import type { StepDependencies } from './dependencies.ts';

export interface BurnDependencies extends StepDependencies {
  /** Starts confirming that the token is refused, if this replica has it. */
  confirm(grant: LiveGrant, nonce: string): void;
}

export async function burn(
  dependencies: BurnDependencies,
  grant: LiveGrant,
  use: Use,
  reason: string,
): Promise<void> {
  const { clock, recorder, confirm } = dependencies;
  const revoked = await revokeUse(dependencies, grant, use);
  const ending = { outcome: 'Unknown', ...revoked } as const;
  const written = await writeStatus(dependencies, grant, finished(grant, ending, clock.now()));
  recorder.used(written, { nonce: use.id, outcome: 'Unknown', reason });
  if (use.credential !== undefined) confirm(written, use.id);
}

/**
 * Whether the pod of a use is gone in truth. Grants and pods come from watches of their own, so the first use of a new pod can
 * be seen here before the pod is. That the cache lacks a pod proves nothing.
 */
export async function podIsGoneForSure(
  client: KubernetesClient,
  grant: LiveGrant,
  use: Use,
): Promise<boolean> {
  try {
    const namespace = agentNamespace(grant);
    return podHasEnded(await client.get(pods, { namespace, name: use.podName }), use.podUID);
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return true;
    throw error;
  }
}
