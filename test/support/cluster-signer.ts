/** Signs ServiceAccount tokens as an API server does, with the claims of a token that is bound to a Secret (KEP-1205). */

import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { ClusterKeySource } from '../../controller/cluster-keys.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';

export interface ClusterSigner {
  keysFor: ClusterKeySource;
  /** @param kid of the header: keys of others may be called the same */
  sign(claims: JWTPayload, kid?: string): Promise<string>;
}

export async function createClusterSigner(
  alg: 'RS256' | 'ES256' = 'RS256',
): Promise<ClusterSigner> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { modulusLength: 2048 });
  const key = { ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig', alg };
  const resolve = createLocalJWKSet({ keys: [key] });
  return {
    keysFor: async () => ({ issuer: ISSUER, resolve }),
    sign: (claims, kid = 'k1') =>
      new SignJWT({ iss: ISSUER, ...claims }).setProtectedHeader({ alg, kid }).sign(privateKey),
  };
}

export interface BoundTokenClaims {
  jti: string;
  namespace: string;
  account: string;
  secretName: string;
  secretUID: string;
  audience: string | readonly string[];
  /** Wall clock, ms. */
  issuedAt: number;
}

/** The claims of a token for ten minutes. */
export function boundTokenClaims(of: BoundTokenClaims): JWTPayload {
  const iat = Math.floor(of.issuedAt / 1000);
  return {
    aud: [of.audience].flat(),
    sub: `system:serviceaccount:${of.namespace}:${of.account}`,
    iat,
    nbf: iat,
    exp: iat + 600,
    jti: of.jti,
    'kubernetes.io': {
      namespace: of.namespace,
      serviceaccount: { name: of.account, uid: 'uid-of-the-account' },
      secret: { name: of.secretName, uid: of.secretUID },
    },
  };
}
