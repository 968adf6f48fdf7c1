/** A token of a Kubernetes ServiceAccount: a JWT (RFC 7519), sent as a bearer token (RFC 6750 2.1). */

import type { CredentialType } from './credential-type.ts';

export const serviceAccountToken: CredentialType = {
  headers: (token) => [['authorization', `Bearer ${token.reveal()}`]],

  /**
   * RFC 7515 7.1: of its three parts only the signature is secret. Header and claims are those of every token of the issuer
   * and the account, but for an ID and times, and are worth nothing without it: an answer may repeat them.
   */
  secretTexts(token) {
    const whole = token.reveal();
    return [{ whole, unguessable: whole.split('.')[2] ?? whole }];
  },
};
