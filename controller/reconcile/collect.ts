/** What is left of a grant that has ended: its Secret, an open confirmation, and in the end the grant itself. */

import type { Use } from '../../core/api/generated/actiongrant.ts';
import { revokePrepared } from '../credentials/credentials.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { credentialCollected, revocationConfirmed } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';
import type { RemovalReason } from './plan-step.ts';

/** Deletes the Secret that a terminal grant still names, then records that it is gone. */
export async function collectSecret(
  dependencies: StepDependencies,
  grant: LiveGrant,
): Promise<void> {
  await revokePrepared(dependencies.client, grant, grant.status?.credential);
  await writeStatus(dependencies, grant, credentialCollected(grant));
}

/** Records that nobody was left who could ask whether the token is refused. */
export async function recordUnconfirmed(
  dependencies: StepDependencies,
  grant: LiveGrant,
  use: Use,
): Promise<void> {
  const { clock, recorder } = dependencies;
  const status = revocationConfirmed(grant, use.id, undefined, clock.now());
  const written = await writeStatus(dependencies, grant, status);
  recorder.revoked(written, 'Unconfirmed', { nonce: use.id });
}

/** Deletes a grant that has ended: exactly this version, after its last log line. */
export async function remove(
  { client, recorder }: StepDependencies,
  grant: LiveGrant,
  reason: RemovalReason,
): Promise<void> {
  recorder.removed(grant, reason);
  const { namespace, name, uid, resourceVersion } = grant.metadata;
  await client.delete(
    actionGrants,
    { namespace, name },
    { uid, resourceVersion, propagationPolicy: 'Background' },
  );
}
