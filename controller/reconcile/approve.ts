/** Makes a decided grant usable: what its credential rests on first, then the status that commits to exactly that. */

import type { BoundCredential } from '../../core/api/generated/actiongrant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { prepareCredential, revokePrepared } from '../credentials/credentials.ts';
import type { Approval } from '../grants/approval.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { approved, type Description, pending } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';
import { describe } from './describe.ts';

/**
 * @throws KubernetesError `Conflict` if somebody else was first: nothing is lost, the grant is looked at again
 * @throws ProblemError CredentialRefused while the ServiceAccount is missing; the grant says so and is tried again
 */
export async function approve(
  dependencies: StepDependencies,
  grant: LiveGrant,
  approval: Approval,
): Promise<void> {
  const { client, clock, recorder } = dependencies;
  const description = describe(grant);
  let credential: BoundCredential | undefined;
  try {
    credential = await prepareCredential(dependencies, grant);
  } catch (error) {
    const reason =
      error instanceof ProblemError && error.code === 'CredentialRefused'
        ? { reason: 'ServiceAccountNotFound', message: error.detail }
        : {
            reason: 'SecretNotCreated',
            message: 'The Secret that the credential is bound to could not be created.',
          };
    await sayNotReady(dependencies, grant, description, reason);
    throw error;
  }
  try {
    const status = approved(grant, { description, approval, credential }, clock.now());
    const written = await writeStatus(dependencies, grant, status);
    recorder.approved(written);
  } catch (error) {
    // The write lost to another writer, or was refused, so no status names our Secret. Every try would leave another one behind.
    // An ambiguous write may have named it, so it stays then.
    if (isKubernetesError(error, 'Conflict', 'Forbidden', 'Invalid')) {
      await revokePrepared(client, grant, credential);
    }
    throw error;
  }
}

/** Writes why the grant is not ready, once per reason: a retry that finds the same changes nothing. */
async function sayNotReady(
  dependencies: StepDependencies,
  grant: LiveGrant,
  description: Description,
  ready: { reason: string; message: string },
): Promise<void> {
  const before = grant.status?.conditions?.find(({ type }) => type === 'Ready');
  if (before?.reason === ready.reason) return;
  const status = pending(grant, description, ready, dependencies.clock.now());
  await writeStatus(dependencies, grant, status);
}
