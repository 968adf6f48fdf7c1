/** What a type of credential must do. `credentials.ts` has the table of them. */

import type {
  ActionGrant,
  BoundCredential,
  UseCredential,
} from '../../core/api/generated/actiongrant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Semaphore } from '../../process/semaphore.ts';
import type { ClusterKeySource } from '../cluster-keys.ts';
import type { LiveGrant } from '../grants/resource.ts';
import type { ApiAudiences } from './api-audiences.ts';

/** One credential, for one use. It leaves this process only if the grant comes to hold its record. */
export interface IssuedCredential {
  token: Secret;
  /** What the use says of it; never the token itself. */
  record: UseCredential;
}

/** What refuses a grant for its credential. */
export interface CredentialFault {
  field: string;
  /** Reads on from the field: what is wrong, and the way out. Without the full stop. */
  reason: string;
}

/** The object whose authority a grant lends: whoever approves the grant must have the verb `delegate` on it. */
export interface LentObject {
  /** API group; empty for the core group. */
  group: string;
  /** As in rules of a Role: plural, lower case. */
  resource: string;
  name: string;
  /** Refuses a requester who approves without that right. */
  mayNotDelegate(requester: string): CredentialFault;
}

export interface PrepareDependencies {
  client: KubernetesClient;
  /** Five or more random characters that a name may have. */
  randomSuffix(): string;
}

export interface IssueDependencies {
  client: Pick<KubernetesClient, 'tokenRequest'>;
  /** A token for one of them never leaves for elsewhere. */
  apiServerAudiences: ApiAudiences;
}

export interface VerificationDependencies {
  keysFor: ClusterKeySource;
  clock: Clock;
}

export interface RejectionDependencies {
  client: KubernetesClient;
  clock: Clock;
  /** Whether more than one API server answers for this cluster: each has a cache of its own. */
  severalServers(): Promise<boolean>;
  /** Questions about credentials that may be under way at once: confirming must not crowd out using. */
  questions: Semaphore;
}

/** A credential that was revoked, and that should be refused from now on. */
export interface RevokedCredential {
  grant: LiveGrant;
  token: Secret;
  /** Whether a sidecar has sent it back: then it may be another text of the token than the agent had. */
  isReported: boolean;
  /** Wall clock, ms. */
  usedFrom: number;
  /** Wall clock, ms. */
  revokedAt: number;
  /** Nobody waits for the answer after this. Wall clock, ms. */
  askUntil: number;
}

/** A grant that such an implementation gets has a credential of its type. */
export interface CredentialType {
  /** For admission: what must be refused beyond the schema; undefined: nothing. */
  fault(
    grant: ActionGrant,
    cluster: { apiServerAudiences: Pick<ApiAudiences, 'includes'> },
  ): CredentialFault | undefined;
  lent(grant: ActionGrant): LentObject | undefined;
  /**
   * Makes what the credential of the grant's next attempt will rest on. It is called before the write that approves the grant
   * or gives it back, and that write commits to what it returns.
   * @param attempt counted from 0
   * @throws ProblemError CredentialRefused while that cannot be made; KubernetesError otherwise
   */
  prepare(
    dependencies: PrepareDependencies,
    grant: LiveGrant,
    attempt: number,
  ): Promise<BoundCredential>;
  /**
   * Issues the credential of one use, before the write that consumes the grant.
   * @throws ProblemError CredentialRefused if it is not issued for a reason that stays; KubernetesError otherwise
   */
  issue(
    dependencies: IssueDependencies,
    grant: LiveGrant,
    timeoutMilliseconds: number,
  ): Promise<IssuedCredential>;
  /**
   * Ends the credential that rests on this. Once the promise resolves, a status may say so. To repeat the call changes nothing.
   * @throws ProblemError KubernetesUnavailable, KubernetesError while it may still be good
   */
  revoke(
    client: KubernetesClient,
    grant: ActionGrant,
    credential: BoundCredential | UseCredential,
  ): Promise<void>;
  /**
   * Whether this is the very token that the record is of. What a sidecar sends back may be anything.
   * @throws ProblemError KubernetesUnavailable if that cannot be told now
   */
  isOf(
    dependencies: VerificationDependencies,
    grant: ActionGrant,
    record: UseCredential,
    token: Secret,
  ): Promise<boolean>;
  /**
   * Asks until the revoked credential is refused.
   * @returns the wall clock, ms, of the first refusal that counts; undefined if it did not come in time, or the signal fired
   */
  untilRejected(
    dependencies: RejectionDependencies,
    credential: RevokedCredential,
    signal: AbortSignal,
  ): Promise<number | undefined>;
}
