/** Knows the token of a use again, when somebody else than its replica has it. */

import { decodeProtectedHeader, jwtVerify } from 'jose';
import type { ActionGrant, UseCredential } from '../../core/api/generated/actiongrant.ts';
import type { Secret } from '../../core/text/secret.ts';
import { SIGNATURE_ALGORITHMS } from '../cluster-keys.ts';
import type { VerificationDependencies } from './credential-type.ts';

/** The API server that signed the token may have a clock ahead of ours. */
const CLOCK_TOLERANCE_SECONDS = 30;

/**
 * Whether the cluster has signed this text for the use that the record is of: ID, Secret, account and audience. A token that is
 * none is refused for reasons of its own, and would pass for a confirmed revocation while the real one is still accepted.
 * @throws ProblemError KubernetesUnavailable if the cluster's keys cannot be read now
 */
export async function isMintedToken(
  { keysFor, clock }: VerificationDependencies,
  { metadata, spec }: ActionGrant,
  { id, secretName, secretUID }: UseCredential,
  token: Secret,
): Promise<boolean> {
  const text = token.reveal();
  const account = spec.credential?.serviceAccountToken;
  const kid = headerOf(text)?.kid;
  if (account === undefined || kid === undefined || !isCanonical(text)) return false;
  const { resolve, issuer } = await keysFor(kid);
  try {
    const { payload } = await jwtVerify<KubernetesClaims>(text, resolve, {
      issuer,
      ...(account.audience === undefined ? {} : { audience: account.audience }),
      subject: `system:serviceaccount:${metadata.namespace}:${account.serviceAccountName}`,
      algorithms: SIGNATURE_ALGORITHMS,
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(clock.now()),
    });
    const secret = payload['kubernetes.io']?.secret;
    return payload.jti === id && secret?.name === secretName && secret.uid === secretUID;
  } catch {
    return false;
  }
}

/**
 * Whether anybody can make another text of the token that is as good. In an ECDSA signature (r, s), n - s stands for s (SEC 1
 * 4.1.4), and nothing tells which of the two was signed; those of RSA are the only ones (RFC 8017 8.2.2).
 */
export function hasAnotherText(token: Secret): boolean {
  return headerOf(token.reveal())?.alg?.startsWith('ES') === true;
}

interface KubernetesClaims {
  'kubernetes.io'?: { secret?: { name?: unknown; uid?: unknown } };
}

/** Undefined: it is no JWT. */
function headerOf(text: string): ReturnType<typeof decodeProtectedHeader> | undefined {
  try {
    return decodeProtectedHeader(text);
  } catch {
    return undefined;
  }
}

/**
 * The last character of base64url may have bits that nothing reads, so that one signature has several texts. API servers remember
 * tokens by their text: another one than the agent had would be refused at once, while the agent's is still remembered.
 */
function isCanonical(text: string): boolean {
  return text
    .split('.')
    .every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
