/**
 * A ServiceAccount token for one use. It is bound to an empty Secret that exists only for this attempt of the grant, so it is
 * minted before the consuming write and dies with that Secret.
 */

import { ProblemError } from '../../core/api/problem.ts';
import { createBoundSecret, deleteBoundSecret } from './bound-secret.ts';
import type { CredentialType } from './credential-type.ts';
import { audienceFault } from './lendable-audience.ts';
import { mint } from './mint.ts';
import { isMintedToken } from './minted-token.ts';
import { REQUESTER_MAY_NOT_DELEGATE } from './service-account-token-refusals.ts';
import { untilRejected } from './token-rejection.ts';

export const serviceAccountToken: CredentialType = {
  fault({ spec }, { apiServerAudiences }) {
    const audience = spec.credential?.serviceAccountToken?.audience;
    return audience === undefined ? undefined : audienceFault(audience, apiServerAudiences);
  },
  lent({ metadata: { namespace }, spec }) {
    const name = spec.credential?.serviceAccountToken?.serviceAccountName;
    if (name === undefined) return undefined;
    return {
      group: '',
      resource: 'serviceaccounts',
      name,
      mayNotDelegate(requester) {
        const { field, reason } = REQUESTER_MAY_NOT_DELEGATE;
        return { field, reason: reason({ requester, namespace, account: name }) };
      },
    };
  },
  prepare: createBoundSecret,
  async issue(dependencies, grant, timeoutMilliseconds) {
    const bound = grant.status?.credential;
    const minted = await mint(dependencies, grant, timeoutMilliseconds);
    if (bound === undefined || minted === undefined) {
      throw new ProblemError(
        'CredentialRefused',
        'status.credential: names no Secret that a token could be bound to; create a new grant.',
        { field: 'status.credential' },
      );
    }
    const { jti, token, expirationTime } = minted;
    const { secretName, secretUID } = bound;
    return { token, record: { id: jti, secretName, secretUID, expirationTime } };
  },
  revoke: (client, { metadata }, secret) => deleteBoundSecret(client, metadata.namespace, secret),
  isOf: isMintedToken,
  untilRejected,
};
