import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { isMintedToken } from '../../../../controller/credentials/minted-token.ts';
import { Secret } from '../../../../core/text/secret.ts';
import {
  aCredential,
  aGrant,
  aGrantSpec,
  aKubernetesAction,
  aUseCredential,
} from '../../../support/builders.ts';
import { boundTokenClaims, createClusterSigner } from '../../../support/cluster-signer.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const clock = new FakeClock();
const cluster = await createClusterSigner();
const stranger = await createClusterSigner();
const RECORD = aUseCredential();
const GRANT = aGrant();
const CLAIMS = boundTokenClaims({
  jti: RECORD.id,
  namespace: 'soc',
  account: 'edr-quarantine',
  secretName: RECORD.secretName,
  secretUID: RECORD.secretUID,
  audience: 'https://edr.example.com',
  issuedAt: clock.now() - 5_000,
});
const KUBERNETES = CLAIMS['kubernetes.io'] as Record<string, unknown>;
const { jti: _, ...WITHOUT_ID } = CLAIMS;
const REAL = await cluster.sign(CLAIMS);
const seconds = (fromNow: number) => Math.floor(clock.now() / 1000) + fromNow;
const changed = (claims: JWTPayload) => cluster.sign({ ...CLAIMS, ...claims });

const is = (token: string, grant = GRANT) =>
  isMintedToken({ keysFor: cluster.keysFor, clock }, grant, RECORD, new Secret(token));

describe('the token of a use', () => {
  it('is known again by the signature of the cluster and by what it says', async () => {
    expect(await is(REAL)).toBe(true);
  });

  it('for a Kubernetes call may have whatever audiences the API server has', async () => {
    const spec = aGrantSpec({ action: aKubernetesAction(), credential: aCredential('Kubernetes') });
    const token = await changed({
      sub: `system:serviceaccount:soc:${spec.credential?.serviceAccountToken?.serviceAccountName}`,
      aud: ['https://kubernetes.default.svc.cluster.local', 'k3s'],
    });
    expect(await is(token, aGrant({ spec }))).toBe(true);
  });
});

describe('a sidecar cannot have a revocation confirmed with', () => {
  const [header = '', payload = '', signature = ''] = REAL.split('.');
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const shared = new TextEncoder().encode('a secret of enough bytes to sign with, says jose');
  /** The same signature in another text: the bits that nothing reads of its last character. */
  const twin = (text: string): string => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(text.at(-1) ?? '');
    return text.slice(0, -1) + alphabet[last ^ 1];
  };

  it.each<[string, () => string | Promise<string>]>([
    ['an unsigned token that has the right ID', () => new UnsecuredJWT(CLAIMS).encode()],
    [
      'an unsigned one whose header names a key',
      () => `${encode({ alg: 'none', kid: 'k1' })}.${payload}.`,
    ],
    ['the real one without its signature', () => `${header}.${payload}.`],
    [
      'the real one with half of its signature',
      () => `${header}.${payload}.${signature.slice(0, 170)}`,
    ],
    [
      'the real one with another signature',
      () => `${header}.${payload}.${'A'.repeat(signature.length)}`,
    ],
    [
      'one whose claims were changed',
      () => `${header}.${encode({ ...CLAIMS, exp: seconds(9) })}.${signature}`,
    ],
    ['one that a stranger signed with a key of the same ID', () => stranger.sign(CLAIMS)],
    ['one that is signed with a key that nobody has', () => cluster.sign(CLAIMS, 'k9')],
    [
      'one that is signed with a shared secret',
      () => new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(shared),
    ],
    ['the token of another use', () => changed({ jti: 'another' })],
    ['a token without ID', () => cluster.sign(WITHOUT_ID)],
    [
      'a token of another Secret',
      () =>
        changed({
          'kubernetes.io': { ...KUBERNETES, secret: { name: RECORD.secretName, uid: 'another' } },
        }),
    ],
    [
      'a token of a Secret of another name',
      () =>
        changed({
          'kubernetes.io': { ...KUBERNETES, secret: { name: 'another', uid: RECORD.secretUID } },
        }),
    ],
    [
      'a token that is bound to nothing',
      () => changed({ 'kubernetes.io': { ...KUBERNETES, secret: undefined } }),
    ],
    ['a token of another account', () => changed({ sub: 'system:serviceaccount:soc:other' })],
    [
      'a token of an account of another namespace',
      () => changed({ sub: 'system:serviceaccount:ops:edr-quarantine' }),
    ],
    ['a token for another audience', () => changed({ aud: ['https://other.example.com'] })],
    ['a token of another issuer', () => changed({ iss: 'https://other.example' })],
    ['a token that has expired', () => changed({ exp: seconds(-60) })],
    ['a token that is not valid yet', () => changed({ nbf: seconds(60) })],
    ['the real one in another text, which no API server remembers', () => twin(REAL)],
    ['the real one with padding', () => `${REAL}=`],
    ['the real one with a space', () => `${REAL} `],
    ['the real one with a further part', () => `${REAL}.`],
    ['what is no token', () => 'x'],
    ['nothing', () => ''],
  ])('%s', async (_, token) => {
    expect(await is(await token())).toBe(false);
  });

  it('the token of a grant that lends nothing', async () => {
    const { credential: _, ...spec } = aGrantSpec();
    expect(await is(REAL, { ...GRANT, spec })).toBe(false);
  });
});

it('whether it is the token cannot be told while the keys of the cluster cannot be read', async () => {
  const keysFor = () => Promise.reject(new Error('away'));
  await expect(isMintedToken({ keysFor, clock }, GRANT, RECORD, new Secret(REAL))).rejects.toThrow(
    'away',
  );
});
