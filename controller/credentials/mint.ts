/** Mints the credential of one use. It leaves this process only if the grant comes to name its `jti`. */

import { decodeJwt } from 'jose';
import { CREDENTIAL_SECONDS } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { Secret } from '../../core/text/secret.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { accountRecreated } from './bound-secret.ts';
import type { CredentialFault, IssueDependencies } from './credential-type.ts';
import { audienceFault, audienceOfTheApiServer } from './lendable-audience.ts';

export interface MintedCredential {
  token: Secret;
  /** The token's `jti` claim; the API server's audit log has it as `JTI=<uuid>` (KEP-4193). */
  jti: string;
  /** RFC 3339. */
  expirationTime: string;
}

/**
 * @returns undefined for a grant without credential
 * @throws ProblemError CredentialRefused if it cannot be minted for a reason that stays; KubernetesError otherwise
 */
export async function mint(
  { client, apiServerAudiences }: IssueDependencies,
  grant: LiveGrant,
  timeoutMilliseconds: number,
): Promise<MintedCredential | undefined> {
  const account = grant.spec.credential?.serviceAccountToken;
  const bound = grant.status?.credential;
  if (account === undefined || bound === undefined) return undefined;
  const { audience } = account;
  const fault = audience === undefined ? undefined : audienceFault(audience, apiServerAudiences);
  // Nobody may have seen it at admission: the grant may be older than the rule, or than what is known of the cluster.
  if (fault !== undefined) throw refused(fault);
  const { namespace } = grant.metadata;
  const answer = await client
    .tokenRequest(
      { namespace, name: account.serviceAccountName },
      {
        audiences: audiencesFor(audience ?? apiServerAudiences.forKubernetes()),
        expirationSeconds: CREDENTIAL_SECONDS,
        boundObjectRef: {
          apiVersion: 'v1',
          kind: 'Secret',
          name: bound.secretName,
          uid: bound.secretUID,
        },
      },
      { timeoutMilliseconds },
    )
    .catch((error: unknown) => {
      if (!isKubernetesError(error, 'NotFound', 'Conflict', 'Forbidden', 'Invalid', 'BadRequest')) {
        throw error;
      }
      throw new ProblemError(
        'CredentialRefused',
        `The API server does not issue a token of ServiceAccount ${namespace}/${account.serviceAccountName} for this grant: ${error.message}`,
        { field: 'spec.credential.serviceAccountToken', cause: error },
      );
    });
  const claims = decodeJwt<{ 'kubernetes.io'?: { serviceaccount?: { uid?: string } } }>(
    answer.token,
  );
  if (claims['kubernetes.io']?.serviceaccount?.uid !== bound.serviceAccountUID) {
    throw accountRecreated(namespace, account.serviceAccountName);
  }
  if (claims.jti === undefined) {
    throw new ProblemError(
      'CredentialRefused',
      "The API server's tokens have no jti, so a use could not be told from another; it needs Kubernetes 1.32 or newer.",
    );
  }
  const token = new Secret(answer.token);
  if (audience === undefined) apiServerAudiences.learnFrom(token);
  else if (!(await apiServerAudiences.refuses(audience, token, timeoutMilliseconds))) {
    throw refused(audienceOfTheApiServer(audience));
  }
  return {
    token,
    jti: claims.jti,
    expirationTime: answer.expirationTimestamp,
  };
}

/** Without audiences the API server fills in its own. */
function audiencesFor(audience: string | undefined): string[] {
  return audience === undefined ? [] : [audience];
}

function refused({ field, reason }: CredentialFault): ProblemError {
  return new ProblemError('CredentialRefused', `${field}: ${reason}; create a new grant.`, {
    field,
  });
}
