/** A credential that the controller lent for one use, whatever its type. */

import type { GrantCredentialType } from '../../core/api/generated/actiongrant.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import { Secret } from '../../core/text/secret.ts';
import type { UseAnswer } from '../../core/wire/use.ts';
import type { CredentialType, SecretText } from './credential-type.ts';
import { serviceAccountToken } from './service-account-token.ts';

/** Every type that a grant can name. */
const CREDENTIAL_TYPES: Readonly<Record<GrantCredentialType, CredentialType>> = {
  ServiceAccountToken: serviceAccountToken,
};

/** The answer to a use names no type: its credential is of this one. */
const TYPE_ON_THE_WIRE: GrantCredentialType = 'ServiceAccountToken';

export interface LentCredential {
  /** As the exchange gave it; the use's completion sends it back. */
  readonly token: Secret;
  /** Wall-clock ms: nobody accepts it after that, whatever becomes of its use. */
  readonly expires: number;
  /** The headers that carry it, with its secret in their values. */
  headers(): readonly HeaderPair[];
  /** What answers are scanned for, as long as it is live. */
  secretTexts(): readonly SecretText[];
}

/** @param answer the member of the answer to a use */
export function lentCredential(answer: NonNullable<UseAnswer['credential']>): LentCredential {
  return credentialOf(
    TYPE_ON_THE_WIRE,
    new Secret(answer.token),
    Date.parse(answer.expirationTime),
  );
}

function credentialOf(type: GrantCredentialType, token: Secret, expires: number): LentCredential {
  const { headers, secretTexts } = CREDENTIAL_TYPES[type];
  return { token, expires, headers: () => headers(token), secretTexts: () => secretTexts(token) };
}
