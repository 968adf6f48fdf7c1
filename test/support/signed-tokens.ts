/** Tokens as API servers sign them: real signatures over real claims, one key for each algorithm. */

import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';

export type Algorithm = 'RS256' | 'ES256' | 'EdDSA';
export const ALGORITHMS: readonly Algorithm[] = ['RS256', 'ES256', 'EdDSA'];

const KEYS: Record<Algorithm, () => { privateKey: KeyObject }> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
const made = new Map<Algorithm, KeyObject>();

function keyOf(algorithm: Algorithm): KeyObject {
  const key = made.get(algorithm) ?? KEYS[algorithm]().privateKey;
  made.set(algorithm, key);
  return key;
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The claims of a token that is bound to a Secret, as the TokenRequest API makes them; of each token only `jti` is its own. */
export function signedToken(algorithm: Algorithm = 'RS256'): string {
  const head = part({ alg: algorithm, kid: 'Zr3RkIUqQ3b1Bj1wYFWJ9d4Y3cC8hM1vJm0jX8nq0aE' });
  const claims = part({
    aud: ['https://edr.example.com'],
    exp: 1_796_083_800,
    iat: 1_796_083_200,
    iss: 'https://kubernetes.default.svc.cluster.local',
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: 'soc',
      secret: { name: 'ag-8a3c-0-x7k2p', uid: '5b8f7c1e-93d2-4a56-8c55-2f1d6e0f9a11' },
      serviceaccount: { name: 'edr-quarantine', uid: 'e1b0c44a-4a3f-4f0b-9a55-7d1d0f8e2c33' },
    },
    nbf: 1_796_083_200,
    sub: 'system:serviceaccount:soc:edr-quarantine',
  });
  const signed = Buffer.from(`${head}.${claims}`);
  const signature = sign(algorithm === 'EdDSA' ? null : 'sha256', signed, {
    key: keyOf(algorithm),
    dsaEncoding: 'ieee-p1363',
  });
  return `${head}.${claims}.${signature.toString('base64url')}`;
}

/** The part of a token that nobody can guess. */
export function signatureOf(token: string): string {
  return token.slice(token.lastIndexOf('.') + 1);
}
