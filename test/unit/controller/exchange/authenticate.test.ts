import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentPod } from '../../../../controller/caches/projections.ts';
import { createClusterKeys } from '../../../../controller/cluster-keys.ts';
import { createAuthenticator } from '../../../../controller/exchange/authenticate.ts';
import type { Caller } from '../../../../controller/use/caller.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { Live } from '../../../../core/kubernetes/object.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const CALLER = {
  namespace: 'soc',
  serviceAccountName: 'incident-agent',
  podName: 'incident-agent-0',
  podUID: 'pod-1',
};
const POD: Live<AgentPod> = {
  metadata: { namespace: 'soc', name: CALLER.podName, uid: CALLER.podUID, resourceVersion: '1' },
  serviceAccountName: CALLER.serviceAccountName,
  injectionFault: undefined,
  status: { phase: 'Running' },
};
const BOUND = {
  namespace: CALLER.namespace,
  serviceaccount: { name: CALLER.serviceAccountName, uid: 'sa-1' },
  pod: { name: CALLER.podName, uid: CALLER.podUID },
};

const first = await generateKeyPair('ES256');
const second = await generateKeyPair('ES256');
const symmetric = new TextEncoder().encode('a secret of enough bytes to sign with, says jose');

let stub: StubApiServer;
let clock: FakeClock;
/** Keys that the cluster publishes now, by ID. */
let published: Record<string, typeof first>;
let keysFail: boolean;
beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  published = { k1: first };
  keysFail = false;
  stub.handler = async (request, response) => {
    if (keysFail) return answer(response, 500, status(500, 'InternalError'));
    if (request.path === '/.well-known/openid-configuration') {
      return answer(response, 200, { issuer: ISSUER });
    }
    const keys = await Promise.all(
      Object.entries(published).map(async ([kid, pair]) => ({
        ...(await exportJWK(pair.publicKey)),
        kid,
        use: 'sig',
        alg: 'ES256',
      })),
    );
    return answer(response, 200, { keys });
  };
});
afterEach(() => stub[Symbol.asyncDispose]());

/** How often the keys were read. */
const reads = () => stub.requests.filter(({ path }) => path === '/openid/v1/jwks').length;

async function anAuthenticator({
  findPod = async () => POD,
  injectionFault = () => undefined,
}: Options = {}) {
  const asked: string[] = [];
  const authenticator = createAuthenticator({
    keysFor: createClusterKeys(await stub.client(), clock),
    clock,
    findPod(namespace, name, uid) {
      asked.push(`${namespace}/${name}/${uid}`);
      return findPod();
    },
    injectionFault,
  });
  /** Both steps, as the exchange takes them. */
  const authenticate = async (authorization: string | undefined): Promise<Caller> => {
    const caller = await authenticator.identify(authorization);
    await authenticator.admit(caller);
    return caller;
  };
  return { authenticator, authenticate, asked };
}

interface Options {
  findPod?: () => Promise<Live<AgentPod> | undefined>;
  injectionFault?: (pod: Live<AgentPod>) => string | undefined;
}

function claims(overrides: JWTPayload = {}): JWTPayload {
  const seconds = Math.floor(clock.now() / 1000);
  return {
    iss: ISSUER,
    aud: ['actiongrant.dev'],
    sub: 'system:serviceaccount:soc:incident-agent',
    iat: seconds,
    nbf: seconds,
    exp: seconds + 3600,
    'kubernetes.io': BOUND,
    ...overrides,
  };
}

const sign = (payload: JWTPayload, kid = 'k1', pair = first): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid }).sign(pair.privateKey);

/** The code of the refusal, and its words. */
async function refusal(
  authorization: string | undefined,
  options: Options = {},
): Promise<ProblemError> {
  const { authenticate, asked } = await anAuthenticator(options);
  try {
    await authenticate(authorization);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (error.code === 'Unauthenticated') expect(asked).toEqual([]);
    return error;
  }
  throw new Error('the caller was accepted');
}

it("a pod-bound token of our audience is its pod's", async () => {
  const { authenticate, asked } = await anAuthenticator();
  const caller = await authenticate(`Bearer ${await sign(claims())}`);
  expect(caller).toEqual(CALLER);
  expect(asked).toEqual(['soc/incident-agent-0/pod-1']);
});

describe('before anything is looked up, a caller is refused', () => {
  it.each([
    ['without the header', undefined],
    ['with an empty header', ''],
    ['with another scheme', 'Basic dXNlcjpwdw=='],
    ['with the scheme in lower case', 'bearer a.b.c'],
    ['without token', 'Bearer '],
    ['with two tokens', 'Bearer a.b.c d.e.f'],
    ['with characters that no JWT has', 'Bearer a.b.c\u0000'],
    ['with what is no JWT', 'Bearer abc'],
  ])('%s, without a look at the keys', async (_, authorization) => {
    expect((await refusal(authorization)).code).toBe('Unauthenticated');
    expect(reads()).toBe(0);
  });

  it.each<[string, () => Promise<string>]>([
    ['that anybody signed', () => sign(claims(), 'k1', second)],
    ['with a key that nobody knows', () => sign(claims(), 'k9', second)],
    ['without a key', async () => new UnsecuredJWT(claims()).encode()],
    [
      'signed with a shared secret',
      () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(symmetric),
    ],
    ['that was changed', async () => (await sign(claims())).replace(/\.[^.]{10}/, '.eyJhdWQiOi')],
    ['of another issuer', () => sign(claims({ iss: 'https://evil.example' }))],
    ["for the API server's audience", () => sign(claims({ aud: [ISSUER] }))],
    ['for no audience', () => sign(claims({ aud: [] }))],
    ['that has expired', () => sign(claims({ exp: Math.floor(clock.now() / 1000) - 1 }))],
    [
      'that never expires',
      () => {
        const { exp: _, ...endless } = claims();
        return sign(endless);
      },
    ],
    ['that is not valid yet', () => sign(claims({ nbf: Math.floor(clock.now() / 1000) + 600 }))],
    ['without bound object', () => sign(claims({ 'kubernetes.io': undefined }))],
    ['bound to nothing', () => sign(claims({ 'kubernetes.io': null }))],
    ['bound to a Secret', () => sign(claims({ 'kubernetes.io': { ...BOUND, pod: undefined } }))],
    [
      'bound to a pod without UID',
      () => sign(claims({ 'kubernetes.io': { ...BOUND, pod: { name: CALLER.podName } } })),
    ],
  ])('with a token %s', async (_, token) => {
    const error = await refusal(`Bearer ${await token()}`);
    expect(error.code).toBe('Unauthenticated');
    expect(error.detail).not.toContain('eyJ');
  });
});

describe('a pod', () => {
  it.each<[string, Live<AgentPod> | undefined]>([
    ['that is not there', undefined],
    ['that was made again', { ...POD, metadata: { ...POD.metadata, uid: 'pod-2' } }],
    ['of another account', { ...POD, serviceAccountName: 'other' }],
    ['that has succeeded', { ...POD, status: { phase: 'Succeeded' } }],
    ['that has failed', { ...POD, status: { phase: 'Failed' } }],
  ])('%s is unknown', async (_, pod) => {
    const error = await refusal(`Bearer ${await sign(claims())}`, { findPod: async () => pod });
    expect(error.code).toBe('PodUnknown');
  });

  it('that is not as it must be injected is told what is wrong, by the pod that runs', async () => {
    const error = await refusal(`Bearer ${await sign(claims())}`, {
      injectionFault: (pod) => (pod === POD ? 'spec.x is wrong' : undefined),
    });
    expect(error.code).toBe('PodNotInjected');
    expect(error.detail).toBe(
      'Pod soc/incident-agent-0 is not as it would be injected: spec.x is wrong. Delete it, so that it is created again.',
    );
  });

  it('that is gone costs no look-up before it is known how often it asks', async () => {
    const { authenticator, asked } = await anAuthenticator({ findPod: async () => undefined });
    await authenticator.identify(`Bearer ${await sign(claims())}`);
    expect(asked).toEqual([]);
  });
});

describe("the cluster's keys", () => {
  it('are read once for all who come at the same time, and kept', async () => {
    const { authenticate } = await anAuthenticator();
    const authorization = `Bearer ${await sign(claims())}`;
    await Promise.all(Array.from({ length: 10 }, () => authenticate(authorization)));
    await clock.advance(60_000);
    await authenticate(authorization);
    expect(reads()).toBe(1);
  });

  it('are read again for a new key, after a rotation', async () => {
    const { authenticate } = await anAuthenticator();
    await authenticate(`Bearer ${await sign(claims())}`);
    published = { k1: first, k2: second };
    await clock.advance(10_000);
    await authenticate(`Bearer ${await sign(claims(), 'k2', second)}`);
    expect(reads()).toBe(2);
  });

  it('are not read again and again for keys that nobody knows', async () => {
    const { authenticate } = await anAuthenticator();
    await authenticate(`Bearer ${await sign(claims())}`);
    for (let i = 0; i < 9; i++) {
      await clock.advance(1_000);
      const token = await sign(claims(), `x${i}`, second);
      await expect(authenticate(`Bearer ${token}`)).rejects.toMatchObject({
        code: 'Unauthenticated',
      });
    }
    expect(reads()).toBe(1);
  });

  it('that were withdrawn are not accepted for long', async () => {
    const { authenticate } = await anAuthenticator();
    const authorization = `Bearer ${await sign(claims())}`;
    await authenticate(authorization);
    published = { k2: second };
    await clock.advance(5 * 60_000);
    await expect(authenticate(authorization)).rejects.toMatchObject({
      code: 'Unauthenticated',
    });
  });

  it('that cannot be read are a failure that may pass, and are asked for again', async () => {
    const { authenticate } = await anAuthenticator();
    const authorization = `Bearer ${await sign(claims())}`;
    keysFail = true;
    await expect(authenticate(authorization)).rejects.toMatchObject({
      code: 'KubernetesUnavailable',
      retryable: true,
    });
    keysFail = false;
    expect(await authenticate(authorization)).toEqual(CALLER);
  });
});
