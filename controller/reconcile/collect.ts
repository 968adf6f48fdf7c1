/** What is left of a grant that has ended: its Secret, an open confirmation, and in the end the grant itself. */

import type { ActionGrant, Use } from '../../core/api/generated/actiongrant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { deleteBoundSecret, secretsThatMayExist } from '../credentials/bound-secret.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { collected, revocationConfirmed } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { RemovalReason } from './decide.ts';
import type { StepDependencies } from './dependencies.ts';

/** Deletes the Secret that a terminal grant still names, then records that it is gone. */
export async function collectSecret(
  { client, cache }: StepDependencies,
  grant: LiveGrant,
): Promise<void> {
  const credential = grant.status?.credential;
  if (credential === undefined) return;
  await deleteBoundSecret(client, grant.metadata.namespace, credential);
  cache.observe(await writeStatus(client, grant, collected(grant)));
}

/** Records that nobody was left who could ask whether the token is refused. */
export async function recordUnconfirmed(
  { client, cache, clock, reporter }: StepDependencies,
  grant: LiveGrant,
  use: Use,
): Promise<void> {
  const status = revocationConfirmed(grant, use.id, undefined, clock.now());
  const written = await writeStatus(client, grant, status);
  cache.observe(written);
  reporter.revoked(written, 'Unconfirmed', { nonce: use.id });
}

/** Deletes a grant that has ended: exactly this version, after its last log line. */
export async function remove(
  { client, reporter }: StepDependencies,
  grant: LiveGrant,
  reason: RemovalReason,
): Promise<void> {
  reporter.collected(grant, reason);
  const { namespace, name, uid, resourceVersion } = grant.metadata;
  await client.delete(
    actionGrants,
    { namespace, name },
    { uid, resourceVersion, propagationPolicy: 'Background' },
  );
}

/**
 * Deletes the Secret of a grant that was deleted: deleting a grant is a revocation. The object is gone, so there is nothing
 * to reconcile towards; garbage collection does the same when no controller runs.
 */
export async function revokeDeleted(
  client: KubernetesClient,
  lastKnown: ActionGrant,
): Promise<void> {
  const { namespace } = lastKnown.metadata;
  for (const secret of secretsThatMayExist(lastKnown)) {
    await deleteBoundSecret(client, namespace, secret);
  }
}
