import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProblemCode } from '../../core/api/problem.ts';
import { USES_PATH } from '../../core/wire/paths.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { aUseRequest, Exchange, type ExchangeAnswer } from '../support/exchange.ts';
import { type Forgery, forge } from '../support/forged-token.ts';
import { readGrant } from '../support/grants.ts';
import { deletePod, issuePodToken, type PodToken } from '../support/kubelet.ts';
import type { Replica } from '../support/replica-process.ts';
import { createScene } from '../support/scene.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';

/*
 * Who may speak to the exchange: a pod that runs, proved by the token that the kubelet gave it for this audience alone.
 * Everybody else is told why, and nothing that they sent is looked at.
 */

const RATE_PER_SECOND = 20;

let plane: ControlPlane;
let product: SharedProduct;
/** Every call of this file goes to it. */
let replica: Replica;
let exchange: Exchange;
let namespace: string;
let pod: PodToken;

beforeAll(async () => {
  product = await shareProduct();
  ({ plane, namespace } = product);
  replica = await product.startReplica({
    environment: { ACTIONGRANT_POD_RATE_PER_SECOND: `${RATE_PER_SECOND}` },
  });
  exchange = new Exchange({ exchangeCAFile: product.exchangeCAFile, balancer: replica });
  pod = await aPod();
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await product?.stop();
});

const aPod = (podName?: string): Promise<PodToken> =>
  issuePodToken(plane, {
    namespace,
    serviceAccountName: 'incident-agent',
    ...(podName === undefined ? {} : { podName }),
  });

/** A use that no grant covers: whoever is let in is told so. */
function callAs(authorization: string | undefined): Promise<ExchangeAnswer> {
  const sender = authorization === undefined ? {} : { authorization };
  return exchange.send('POST', USES_PATH, aUseRequest(), sender);
}

function expectRefusal(answer: ExchangeAnswer, status: number, code: ProblemCode): void {
  expect({ status: answer.status, code: answer.code, text: answer.text }).toEqual({
    status,
    code,
    text: expect.any(String),
  });
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers['cache-control']).toBe('no-store');
}

test('the token that the kubelet issues to a running pod is let in', async () => {
  expectRefusal(await callAs(`Bearer ${pod.token}`), 403, 'GrantRequired');
});

describe('what is no proof', () => {
  const seconds = (): number => Math.floor(Date.now() / 1000);
  const cases: readonly {
    readonly name: string;
    readonly header: () => string | undefined | Promise<string>;
    readonly detail: RegExp;
  }[] = [
    { name: 'no token', header: () => undefined, detail: /no bearer token/ },
    { name: 'an empty token', header: () => 'Bearer ', detail: /no bearer token/ },
    { name: 'another scheme', header: () => 'Basic YTpi', detail: /no bearer token/ },
    {
      name: 'two tokens',
      header: () => `Bearer ${pod.token}, Bearer ${pod.token}`,
      detail: /no bearer token/,
    },
    { name: 'junk', header: () => 'Bearer junk', detail: /not a JWT/ },
    { name: 'junk in three parts', header: () => 'Bearer a.b.c', detail: /not a JWT/ },
    {
      name: "the cluster's administrator's token",
      header: () => 'Bearer administrator',
      detail: /not a JWT/,
    },
    {
      name: 'a token of the pod for another audience',
      header: async () => {
        const other = await issuePodToken(plane, {
          namespace,
          serviceAccountName: 'incident-agent',
          audience: 'https://elsewhere.example.com',
        });
        return `Bearer ${other.token}`;
      },
      detail: /claim aud/,
    },
    {
      name: 'a token for the API server',
      header: async () => {
        const { status } = await plane.api<{ status: { token: string } }>(
          'POST',
          `/api/v1/namespaces/${namespace}/serviceaccounts/incident-agent/token`,
          { spec: {} },
        );
        return `Bearer ${status.token}`;
      },
      detail: /claim aud/,
    },
    forged('a token of another issuer', /claim iss/, { claims: { iss: 'https://evil.example' } }),
    forged('a token that has expired', /has expired/, () => ({
      claims: { iat: seconds() - 7200, nbf: seconds() - 7200, exp: seconds() - 1 },
    })),
    forged('a token that is not valid yet', /claim nbf/, () => ({
      claims: { nbf: seconds() + 600 },
    })),
    forged('a token without an end', /claim exp/, { claims: { exp: undefined } }),
    forged('a token without an audience', /claim aud/, { claims: { aud: undefined } }),
    forged('a token signed by a stranger', /not one of this cluster/, { signer: 'Stranger' }),
    forged('a token with a key that nobody knows', /not one of this cluster/, {
      header: { kid: 'unknown' },
      signer: 'Stranger',
    }),
    forged('a token that is not signed (alg none)', /not one of this cluster/, {
      header: { alg: 'none' },
      signer: 'Nobody',
    }),
    forged('a token whose signature was cut off', /not one of this cluster/, {
      signer: 'Nobody',
    }),
    forged('a token with the public key as an HMAC secret (HS256)', /not one of this cluster/, {
      header: { alg: 'HS256' },
      signer: 'PublicKeyAsSecret',
    }),
    forged('a token of a ServiceAccount alone', /not bound to a Pod/, () => ({
      claims: {
        'kubernetes.io': { namespace, serviceaccount: { name: 'incident-agent', uid: 'x' } },
      },
    })),
    forged('a token without the claims of Kubernetes', /claim kubernetes\.io/, {
      claims: { 'kubernetes.io': undefined },
    }),
  ];

  test.each(cases)('$name is refused', async ({ header, detail }) => {
    const answer = await callAs(await header());
    expectRefusal(answer, 401, 'Unauthenticated');
    expect((answer.body as { detail: string }).detail).toMatch(detail);
  });

  function forged(name: string, detail: RegExp, forgery: Forgery | (() => Forgery)) {
    const made = (): Forgery => (typeof forgery === 'function' ? forgery() : forgery);
    return {
      name,
      detail,
      header: async () => `Bearer ${await forge(plane, pod.token, made())}`,
    };
  }

  test('nothing that a stranger sends is read', async () => {
    const answer = await exchange.send('POST', USES_PATH, '{"not json', {});
    expectRefusal(answer, 401, 'Unauthenticated');
  });

  test('no refusal repeats what was sent as a token', async () => {
    const token = await forge(plane, pod.token, { signer: 'Stranger' });
    const answer = await callAs(`Bearer ${token}`);
    expect(answer.text).not.toContain(token.slice(0, 20));
    expect(await replica.log()).not.toContain(token.slice(0, 20));
  });
});

describe('a token outlives its pod, but is no proof then', () => {
  /** Waits for the controller's watch of pods. */
  const untilUnknown = ({ token }: PodToken): Promise<void> =>
    eventually(async () => expectRefusal(await callAs(`Bearer ${token}`), 403, 'PodUnknown'), {
      everyMilliseconds: 60,
    });

  test('a pod that was deleted', async () => {
    const gone = await aPod();
    expectRefusal(await callAs(`Bearer ${gone.token}`), 403, 'GrantRequired');
    await deletePod(plane, namespace, gone.podName);
    await untilUnknown(gone);
  });

  test('a pod that was made again under its name: the old token is refused, the new one let in at once', async () => {
    const before = await aPod('twice');
    expectRefusal(await callAs(`Bearer ${before.token}`), 403, 'GrantRequired');
    await deletePod(plane, namespace, 'twice');
    const after = await aPod('twice');
    expectRefusal(await callAs(`Bearer ${after.token}`), 403, 'GrantRequired');
    expectRefusal(await callAs(`Bearer ${before.token}`), 403, 'PodUnknown');
  });

  test.each(['Succeeded', 'Failed'])('a pod that has %s', async (phase) => {
    const finished = await aPod();
    expectRefusal(await callAs(`Bearer ${finished.token}`), 403, 'GrantRequired');
    await plane.api(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/${finished.podName}/status`,
      { status: { phase } },
      { contentType: 'application/merge-patch+json' },
    );
    await untilUnknown(finished);
  });

  test('a pod that never was', async () => {
    const claims = {
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: 'incident-agent', uid: 'x' },
        pod: { name: 'never', uid: '00000000-0000-4000-8000-000000000000' },
      },
    };
    const token = await forge(plane, pod.token, { claims });
    expectRefusal(await callAs(`Bearer ${token}`), 403, 'PodUnknown');
  });

  test('a pod of another ServiceAccount than the token says', async () => {
    const claims = {
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: 'admin-agent', uid: 'x' },
        pod: { name: pod.podName, uid: pod.podUid },
      },
    };
    const token = await forge(plane, pod.token, { claims });
    expectRefusal(await callAs(`Bearer ${token}`), 403, 'PodUnknown');
  });

  test('a pod in a namespace that is not for agents', async () => {
    const elsewhere = await issuePodToken(plane, {
      namespace: await plane.createNamespace('elsewhere'),
      serviceAccountName: 'incident-agent',
    });
    expectRefusal(await callAs(`Bearer ${elsewhere.token}`), 403, 'PodUnknown');
  });
});

describe('the rate of one pod', () => {
  const flood = (token: string, requests: number): Promise<ExchangeAnswer[]> =>
    Promise.all(Array.from({ length: requests }, () => callAs(`Bearer ${token}`)));

  test('is limited, without a word to the others', async () => {
    const noisy = await aPod();
    const quiet = await aPod();
    const answers = await flood(noisy.token, 8 * RATE_PER_SECOND);
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(RATE_PER_SECOND);
    const [first] = limited;
    if (first === undefined) throw new Error('nothing was limited');
    expectRefusal(first, 429, 'TooManyRequests');
    expect(first.body).toMatchObject({ retryable: true });
    expectRefusal(await callAs(`Bearer ${quiet.token}`), 403, 'GrantRequired');
    // And it is over by itself.
    await eventually(
      async () => expectRefusal(await callAs(`Bearer ${noisy.token}`), 403, 'GrantRequired'),
      { everyMilliseconds: 1_000 },
    );
  });

  test('is for its calls, and the end of its use is heard at any rate', async () => {
    const { grant, pod: noisy, call } = await createScene(plane, namespace);
    const used = await exchange.mustUse(noisy, call);
    const ends = (nonce: string) =>
      exchange.finish(noisy, nonce, { outcome: 'NotDispatched', grant: used.grant });
    const floods = await Promise.all([
      ...Array.from({ length: 4 * RATE_PER_SECOND }, () => callAs(`Bearer ${noisy.token}`)),
      ...Array.from({ length: 4 * RATE_PER_SECOND }, () =>
        exchange.finish(noisy, randomUUID(), { outcome: 'NotDispatched' }),
      ),
    ]);
    expect(floods.filter(({ code }) => code === 'TooManyRequests').length).toBeGreaterThan(
      2 * RATE_PER_SECOND,
    );
    const answer = await ends(used.nonce);
    expect(answer.body).toMatchObject({ phase: 'Approved', outcome: 'NotDispatched' });
    expect((await readGrant(plane, grant)).status?.uses).toMatchObject([{ id: used.nonce }]);
  });

  test('holds for a pod that is gone as well: its token costs no live look-ups without end', async () => {
    const gone = await aPod();
    await deletePod(plane, namespace, gone.podName);
    const answers = await flood(gone.token, 8 * RATE_PER_SECOND);
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(RATE_PER_SECOND);
  });
});
