/**
 * A ServiceAccount token for one use. It is bound to an empty Secret that exists only for this attempt of the grant, so it is
 * minted before the consuming write and dies with that Secret.
 */

import { decodeJwt } from 'jose';
import { ProblemError } from '../../core/api/problem.ts';
import { createBoundSecret, deleteBoundSecret } from './bound-secret.ts';
import type { CredentialType } from './credential-type.ts';
import { mint } from './mint.ts';
import {
  AUDIENCE_OF_THE_API_SERVER,
  REQUESTER_MAY_NOT_DELEGATE,
} from './service-account-token-refusals.ts';
import { untilRejected } from './token-rejection.ts';

export const serviceAccountToken: CredentialType = {
  fault({ spec }, { apiServerAudiences }) {
    const audience = spec.credential?.serviceAccountToken?.audience;
    if (audience === undefined || !apiServerAudiences.includes(audience)) return undefined;
    const { field, reason } = AUDIENCE_OF_THE_API_SERVER;
    return { field, reason: reason({ audience }) };
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
  async issue(client, grant, timeoutMilliseconds) {
    const bound = grant.status?.credential;
    const minted = await mint(client, grant, timeoutMilliseconds);
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
  isOf({ id }, token) {
    try {
      return decodeJwt(token.reveal()).jti === id;
    } catch {
      return false;
    }
  },
  untilRejected,
};
