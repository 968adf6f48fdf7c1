/** The one way a status is written: a compare-and-swap that also names the UID. */

import type { ActionGrantStatus } from '../../core/api/generated/actiongrant.ts';
import type { CallOptions, KubernetesClient } from '../../core/kubernetes/client.ts';
import { actionGrants, type LiveGrant } from './resource.ts';

/**
 * Writes the next status onto exactly the version that it was derived from.
 * @throws KubernetesError `Conflict` if the grant has changed or was re-created, `Ambiguous` if it may have been applied
 */
export function writeStatus(
  client: KubernetesClient,
  grant: LiveGrant,
  status: ActionGrantStatus,
  options: CallOptions = {},
): Promise<LiveGrant> {
  const { namespace, name, uid, resourceVersion } = grant.metadata;
  // Of the metadata only what identifies and what is compared: the status subresource ignores the rest.
  const body = {
    ...grant,
    metadata: { namespace, name, uid, resourceVersion },
    status,
  } as LiveGrant;
  return client.replaceStatus(actionGrants, body, options);
}
