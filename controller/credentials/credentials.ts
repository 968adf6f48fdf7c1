/**
 * What a grant lends, whatever its type. Credential types are told apart here and nowhere else. A grant without credential goes
 * the same way as the others; nothing is prepared, issued or revoked for it.
 */

import type {
  ActionGrant,
  BoundCredential,
  GrantCredentialType,
  Use,
  UseCredential,
} from '../../core/api/generated/actiongrant.ts';
import { attemptsUsed } from '../../core/api/grant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Secret } from '../../core/text/secret.ts';
import { printable } from '../../core/text/url.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { LiveGrant } from '../grants/resource.ts';
import type { ApiAudiences } from './api-audiences.ts';
import type {
  CredentialFault,
  CredentialType,
  IssueDependencies,
  IssuedCredential,
  LentObject,
  PrepareDependencies,
  RejectionDependencies,
  VerificationDependencies,
} from './credential-type.ts';
import { serviceAccountToken } from './service-account-token.ts';

const CREDENTIAL_TYPES: Readonly<Record<GrantCredentialType, CredentialType>> = {
  ServiceAccountToken: serviceAccountToken,
};

/**
 * A type that only a later release knows must never pass for no credential: after a rollback its grants are still there.
 * @returns undefined: the grant lends nothing
 * @throws ProblemError CredentialRefused for a type that is not in the table
 */
function typeOf({ spec }: ActionGrant): CredentialType | undefined {
  if (spec.credential === undefined) return undefined;
  const { type } = spec.credential;
  if (isKnown(type)) return CREDENTIAL_TYPES[type];
  const { field, reason } = unknownType(type);
  throw new ProblemError('CredentialRefused', `${field}: ${reason}.`, { field });
}

/** Of a credential that a status names. @throws ProblemError CredentialRefused, also if the grant asks for none */
function typeOfExisting(grant: ActionGrant): CredentialType {
  const type = typeOf(grant);
  if (type !== undefined) return type;
  throw new ProblemError(
    'CredentialRefused',
    'spec.credential: is absent, but the status names a credential, and nothing says how to revoke it.',
    { field: 'spec.credential' },
  );
}

function isKnown(type: string): boolean {
  return Object.hasOwn(CREDENTIAL_TYPES, type);
}

function unknownType(type: string): CredentialFault {
  return {
    field: 'spec.credential.type',
    reason: `this version of the controller does not know the type ${printable(type, 40)}. Use ${Object.keys(CREDENTIAL_TYPES).join(' or ')}, or a version that knows it`,
  };
}

/** What must be refused of what a new grant says of its credential; undefined: nothing. */
export function credentialFault(
  grant: ActionGrant,
  cluster: { apiServerAudiences: Pick<ApiAudiences, 'includes'> },
): CredentialFault | undefined {
  const { credential } = grant.spec;
  if (credential !== undefined && !isKnown(credential.type)) return unknownType(credential.type);
  return typeOf(grant)?.fault(grant, cluster);
}

/** Whose authority the grant lends; undefined: nobody's. */
export function lentObject(grant: ActionGrant): LentObject | undefined {
  return typeOf(grant)?.lent(grant);
}

/** Whether the status names what the credential will rest on, exactly if there is to be one. */
export function isPrepared({ spec, status }: ActionGrant): boolean {
  if (spec.credential === undefined) return status?.credential === undefined;
  return isKnown(spec.credential.type) && status?.credential !== undefined;
}

/** As `CredentialType.prepare`. */
export async function prepareCredential(
  dependencies: PrepareDependencies,
  grant: LiveGrant,
  attempt = attemptsUsed(grant),
): Promise<BoundCredential | undefined> {
  return typeOf(grant)?.prepare(dependencies, grant, attempt);
}

/** As `CredentialType.issue`. */
export async function issueCredential(
  dependencies: IssueDependencies,
  grant: LiveGrant,
  timeoutMilliseconds: number,
): Promise<IssuedCredential | undefined> {
  return typeOf(grant)?.issue(dependencies, grant, timeoutMilliseconds);
}

/**
 * As `CredentialType.revoke`, of what was prepared for a use that will not be.
 * @param prepared undefined: nothing was
 */
export async function revokePrepared(
  client: KubernetesClient,
  grant: ActionGrant,
  prepared: BoundCredential | undefined,
): Promise<void> {
  if (prepared !== undefined) await typeOfExisting(grant).revoke(client, grant, prepared);
}

/**
 * As `CredentialType.revoke`, of the credential of a use.
 * @returns what a status may say from now on: when the credential was known to be gone; nothing if there was none
 */
export async function revokeUse(
  { client, clock }: { client: KubernetesClient; clock: Clock },
  grant: ActionGrant,
  use: Use,
): Promise<{ deletedTime?: number }> {
  if (use.credential === undefined) return {};
  await typeOfExisting(grant).revoke(client, grant, use.credential);
  return { deletedTime: clock.now() };
}

/** As `CredentialType.revoke`, of all that may be good or become good: for a grant that is, or is to be, deleted. */
export async function revokeAll(client: KubernetesClient, grant: ActionGrant): Promise<void> {
  for (const credential of credentialsThatMayExist(grant)) {
    await typeOfExisting(grant).revoke(client, grant, credential);
  }
}

/** Those of the next use, and of uses whose Secret was not seen to be gone. */
export function credentialsThatMayExist({
  status,
}: ActionGrant): (BoundCredential | UseCredential)[] {
  const used = (status?.uses ?? []).flatMap(({ credential }) =>
    credential === undefined || credential.deletedTime !== undefined ? [] : [credential],
  );
  const all = [...(status?.credential === undefined ? [] : [status.credential]), ...used];
  return [...new Map(all.map((credential) => [credential.secretUID, credential])).values()];
}

/** As `CredentialType.isOf`, of the credential of a use. */
export async function isTokenOf(
  dependencies: VerificationDependencies,
  grant: ActionGrant,
  { credential }: Use,
  token: Secret,
): Promise<boolean> {
  if (credential === undefined) return false;
  return (await typeOf(grant)?.isOf(dependencies, grant, credential, token)) === true;
}

/**
 * As `CredentialType.untilRejected`, of the credential of a use that was revoked.
 * @param limitMilliseconds from the revocation on
 */
export async function untilUseRejected(
  dependencies: RejectionDependencies,
  { grant, use, ...copy }: { grant: LiveGrant; use: Use; token: Secret; isReported: boolean },
  limitMilliseconds: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (use.credential?.deletedTime === undefined) return undefined;
  const revokedAt = Date.parse(use.credential.deletedTime);
  return typeOf(grant)?.untilRejected(
    dependencies,
    {
      grant,
      ...copy,
      usedFrom: Date.parse(use.startTime),
      revokedAt,
      askUntil: revokedAt + limitMilliseconds,
    },
    signal,
  );
}
