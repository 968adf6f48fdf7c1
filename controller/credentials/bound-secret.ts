/** The empty Secret whose existence keeps a grant's credential alive. */

import type { BoundCredential } from '../../core/api/generated/actiongrant.ts';
import {
  API_GROUP,
  API_VERSION,
  BOUND_SECRET_TYPE,
  boundSecretName,
} from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { secrets, serviceAccounts } from '../../core/kubernetes/resources.ts';
import type { LiveGrant } from '../grants/resource.ts';
import type { PrepareDependencies } from './credential-type.ts';

/**
 * Creates the Secret for the grant's next attempt and reads the ServiceAccount that its tokens will be of. A Secret that
 * no status comes to name is harmless (no token is ever minted for it) and goes with its owner.
 * @throws ProblemError CredentialRefused if the ServiceAccount does not exist, or is not the one of the attempt before;
 * KubernetesError otherwise
 */
export async function createBoundSecret(
  { client, randomSuffix }: PrepareDependencies,
  grant: LiveGrant,
  attempt: number,
): Promise<BoundCredential> {
  const account = grant.spec.credential?.serviceAccountToken?.serviceAccountName;
  if (account === undefined) {
    // The schema refuses such a grant.
    throw new ProblemError('GrantInvalid', 'spec.credential.serviceAccountToken: is missing.', {
      field: 'spec.credential.serviceAccountToken',
    });
  }
  const { namespace, name, uid } = grant.metadata;
  const serviceAccount = await client
    .get(serviceAccounts, { namespace, name: account })
    .catch((error: unknown) => {
      if (!isKubernetesError(error, 'NotFound')) throw error;
      throw new ProblemError(
        'CredentialRefused',
        `spec.credential.serviceAccountToken.serviceAccountName: there is no ServiceAccount ${account} in namespace ${namespace}; create it, and the grant becomes usable.`,
        { field: 'spec.credential.serviceAccountToken.serviceAccountName', cause: error },
      );
    });
  // P5: what was decided for one account is not given back for another that has its name now.
  const pinned = grant.status?.credential?.serviceAccountUID;
  if (pinned !== undefined && pinned !== serviceAccount.metadata.uid) {
    throw accountRecreated(namespace, account);
  }
  const secret = await client.create(secrets, {
    metadata: {
      namespace,
      name: boundSecretName(uid, attempt, randomSuffix()),
      // Garbage collection takes it when the grant is deleted while no controller runs.
      ownerReferences: [
        {
          apiVersion: `${API_GROUP}/${API_VERSION}`,
          kind: 'ActionGrant',
          name,
          uid,
        },
      ],
    },
    type: BOUND_SECRET_TYPE,
  });
  return {
    secretName: secret.metadata.name,
    secretUID: secret.metadata.uid,
    serviceAccountUID: serviceAccount.metadata.uid,
  };
}

/** P5: an account that was re-created under the approved one's name is another account. */
export function accountRecreated(namespace: string, account: string): ProblemError {
  return new ProblemError(
    'CredentialRefused',
    `ServiceAccount ${namespace}/${account} was re-created since the grant was approved; create a new grant.`,
    { field: 'spec.credential.serviceAccountToken.serviceAccountName' },
  );
}

/** Which Secret it is. */
type SecretIdentity = Pick<BoundCredential, 'secretName' | 'secretUID'>;

/**
 * Deletes exactly this Secret, and with it every token bound to it.
 * @returns when it is gone: deleted by us, gone before, or its name belongs to another Secret
 * @throws ProblemError KubernetesUnavailable while it is held by a finalizer: a token of a Secret that is only marked for
 * deletion is still accepted, so that is not a revocation
 */
export async function deleteBoundSecret(
  client: KubernetesClient,
  namespace: string,
  secret: SecretIdentity,
): Promise<void> {
  const result = await client.delete(
    secrets,
    { namespace, name: secret.secretName },
    { uid: secret.secretUID },
  );
  if (result === 'terminating') {
    throw new ProblemError(
      'KubernetesUnavailable',
      `Secret ${namespace}/${secret.secretName} has a finalizer, so its token is still accepted; remove the finalizer.`,
    );
  }
}
