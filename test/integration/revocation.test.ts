import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Action } from '../../core/action/action.ts';
import type {
  ActionGrant,
  ActionGrantSpec,
  GrantCondition,
  Outcome,
  Use,
} from '../../core/api/generated/actiongrant.ts';
import type { UseAnswer } from '../../core/wire/use.ts';
import { aCredential, aKubernetesAction } from '../support/builders.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { aKubernetesCall, Exchange, type ExchangeAnswer } from '../support/exchange.ts';
import { deleteGrant, readGrant, untilGrant, untilPhase } from '../support/grants.ts';
import { deletePod } from '../support/kubelet.ts';
import { createScene, type Scene, SERVICE } from '../support/scene.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';
import { reviewedUser } from '../support/upstream.ts';

/*
 * A status that claims a revocation tells the truth. Everything here is compared with what this test finds out by itself:
 * from when on the API server refuses the credential, and when its Secret was gone.
 *
 * The API server caches a successful authentication for 10 s from its first use (measured; nothing shortens it), so a
 * credential that was used is accepted until then, and one that never was is refused once its cache of Secrets has heard.
 */

const SUCCESS_CACHE_MILLISECONDS = 10_000;
/** Own polling, the controller's (250 ms), and a machine that is busy. */
const TOLERANCE_MILLISECONDS = 5_000;
const WAIT_MILLISECONDS = 60_000;

let plane: ControlPlane;
let product: SharedProduct;
let exchange: Exchange;
let namespace: string;

beforeAll(async () => {
  product = await shareProduct();
  ({ plane, namespace } = product);
  exchange = new Exchange(product);
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await product?.stop();
});

/** A kind of credential, and how its acceptance shows. */
interface Variant {
  readonly name: string;
  readonly create: (spec?: Partial<ActionGrantSpec>) => Promise<Scene>;
  readonly isAccepted: (token: string) => Promise<boolean>;
}

const FOR_A_SERVICE: Variant = {
  name: 'for a service (its own audience)',
  create: (spec) => createScene(plane, namespace, spec),
  isAccepted: async (token) => (await reviewedUser(plane, token, SERVICE)) !== undefined,
};

let kubernetesScenes = 0;
const FOR_THE_API_SERVER: Variant = {
  name: 'for the API server (no audience of its own)',
  async create(spec) {
    const action = aKubernetesAction({ name: `checkout-${kubernetesScenes++}` });
    const account = `janitor-${kubernetesScenes}`;
    await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: account },
    });
    const scene = await createScene(plane, namespace, {
      action,
      credential: aCredential('Kubernetes', account),
      ...spec,
    });
    const call: Action = aKubernetesCall({ name: action.kubernetes?.name ?? '' });
    return { ...scene, call };
  },
  // A call to the API server itself: 403 is somebody without rights, 401 is nobody.
  async isAccepted(token) {
    const as = await plane.kubeconfigForToken(token);
    const { status } = await plane.request('GET', '/api/v1/nodes', undefined, { as });
    return status !== 401;
  },
};

/** A grant that is in use, and its credential. */
async function inUse(
  scene: Scene,
): Promise<{ scene: Scene; answer: UseAnswer; token: string; secret: string }> {
  const answer = await exchange.mustUse(scene.pod, scene.call);
  const { status } = await readGrant(plane, scene.grant);
  const secret = status?.uses?.at(-1)?.credential?.secretName ?? '';
  expect(await secretStatus(secret)).toBe(200);
  return { scene, answer, token: answer.credential?.token ?? '', secret };
}

/** As the sidecar reports it: with the credential, so that any replica can find out when it is refused. */
function report(
  { scene, answer }: { scene: Scene; answer: UseAnswer },
  outcome: Outcome,
  port?: number,
): Promise<ExchangeAnswer> {
  const { nonce, grant, credential } = answer;
  const credentialToken = credential?.token ?? '';
  return exchange.finish(scene.pod, nonce, { outcome, grant, credentialToken }, port);
}

async function secretStatus(name: string): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  return (await plane.request('GET', path)).status;
}

/** Asks until the credential is refused. */
async function untilRefused(
  isAccepted: () => Promise<boolean>,
): Promise<{ lastAccepted: number; firstRefused: number }> {
  let lastAccepted = 0;
  const end = Date.now() + WAIT_MILLISECONDS;
  while (Date.now() < end) {
    const asked = Date.now();
    if (!(await isAccepted())) return { lastAccepted, firstRefused: Date.now() };
    lastAccepted = asked;
    await sleep(100);
  }
  throw new Error('the credential is still accepted');
}

function conditionOf({ status }: ActionGrant, type: string): GrantCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

function useOf({ status }: ActionGrant, nonce: string): Use {
  const use = status?.uses?.find(({ id }) => id === nonce);
  if (use === undefined) throw new Error('the use is not on record');
  return use;
}

const untilConfirmed = (grant: ActionGrant): Promise<ActionGrant> =>
  untilGrant(
    plane,
    grant,
    (current) => conditionOf(current, 'CredentialRevoked')?.reason === 'Confirmed',
    'is not confirmed',
    WAIT_MILLISECONDS,
  );

function expectBetween(time: string | undefined, from: number, to: number): void {
  expect(time).toBeDefined();
  expect(Date.parse(`${time}`)).toBeGreaterThanOrEqual(from);
  expect(Date.parse(`${time}`)).toBeLessThanOrEqual(to);
}

describe.concurrent.each([FOR_A_SERVICE, FOR_THE_API_SERVER])(
  'a credential $name',
  { timeout: 2 * WAIT_MILLISECONDS },
  ({ create, isAccepted }) => {
    test('that was never used is refused once its use has ended, and said to be', async () => {
      const used = await inUse(await create());
      const { scene, answer, token, secret } = used;
      const sent = Date.now();
      const reported = await report(used, 'Succeeded');
      const answered = Date.now();
      expect(reported.body).toEqual({ phase: 'Finished', outcome: 'Succeeded' });
      expect(await secretStatus(secret)).toBe(404);
      const confirmed = await untilConfirmed(scene.grant);
      expect(await isAccepted(token)).toBe(false);
      const { credential } = useOf(confirmed, answer.nonce);
      expectBetween(credential?.deletedTime, sent, answered);
      // Mostly at once; but whoever asks before the API server's cache of Secrets has heard of it has it remembered.
      expectBetween(
        credential?.rejectedTime,
        sent,
        answered + SUCCESS_CACHE_MILLISECONDS + TOLERANCE_MILLISECONDS,
      );
      expect(Date.parse(`${credential?.rejectedTime}`)).toBeGreaterThanOrEqual(
        Date.parse(`${credential?.deletedTime}`),
      );
    });

    test('that was used is refused 10 s after its first use, and said to be revoked only then', async () => {
      const used = await inUse(await create());
      const { scene, answer, token } = used;
      const firstUse = Date.now();
      expect(await isAccepted(token)).toBe(true);
      const firstAnswer = Date.now();
      await report(used, 'Succeeded');
      const finished = await readGrant(plane, scene.grant);
      expect(finished.status).toMatchObject({ phase: 'Finished', outcome: 'Succeeded' });
      expect(conditionOf(finished, 'CredentialRevoked')).toMatchObject({
        status: 'Unknown',
        reason: 'AwaitingConfirmation',
      });
      expect(useOf(finished, answer.nonce).credential?.rejectedTime).toBeUndefined();

      const { lastAccepted, firstRefused } = await untilRefused(() => isAccepted(token));
      expect(lastAccepted).toBeGreaterThan(firstUse);
      expect(firstRefused).toBeGreaterThanOrEqual(firstUse + SUCCESS_CACHE_MILLISECONDS);
      expect(firstRefused).toBeLessThanOrEqual(
        firstAnswer + SUCCESS_CACHE_MILLISECONDS + TOLERANCE_MILLISECONDS,
      );
      const confirmed = await untilConfirmed(scene.grant);
      const { credential } = useOf(confirmed, answer.nonce);
      // Never earlier than it was true.
      expectBetween(credential?.rejectedTime, lastAccepted, firstRefused + TOLERANCE_MILLISECONDS);
      expect(conditionOf(confirmed, 'CredentialRevoked')).toMatchObject({ status: 'True' });
      expect(confirmed.status?.credential).toBeUndefined();
    });

    test('of a grant that is deleted during its use', async () => {
      const used = await inUse(await create());
      const { scene, token, secret } = used;
      expect(await isAccepted(token)).toBe(true);
      const firstUse = Date.now();
      await deleteGrant(plane, scene.grant);
      await eventually(async () => expect(await secretStatus(secret)).toBe(404));
      const { firstRefused } = await untilRefused(() => isAccepted(token));
      expect(firstRefused - firstUse).toBeLessThanOrEqual(
        SUCCESS_CACHE_MILLISECONDS + TOLERANCE_MILLISECONDS,
      );
      // There is nothing left to report to.
      expect((await report(used, 'Succeeded')).code).toBe('UseUnknown');
    });

    test('whose Secret a tenant replaces during its use is refused, and the record is what it would be', async () => {
      const used = await inUse(await create());
      const { scene, answer, token, secret } = used;
      const path = `/api/v1/namespaces/${namespace}/secrets`;
      await plane.api('DELETE', `${path}/${secret}`);
      const planted = await plane.api('POST', path, {
        metadata: { name: secret },
        data: { token: 'YQ==' },
      });
      await untilRefused(() => isAccepted(token));
      expect((await report(used, 'Succeeded')).body).toMatchObject({ outcome: 'Succeeded' });
      const confirmed = await untilConfirmed(scene.grant);
      const { credential } = useOf(confirmed, answer.nonce);
      expect(credential?.deletedTime).toBeDefined();
      expect(credential?.rejectedTime).toBeDefined();
      // It is not ours to delete.
      const { metadata } = await plane.api('GET', `${path}/${secret}`);
      expect(metadata.uid).toBe(planted.metadata.uid);
    });

    test('of a pod that is deleted: the use ends as Unknown, and is not given back', async () => {
      const { scene, answer, token, secret } = await inUse(await create());
      await deletePod(plane, namespace, scene.pod.podName);
      const ended = await untilPhase(plane, scene.grant, 'Finished', WAIT_MILLISECONDS);
      expect(ended.status?.outcome).toBe('Unknown');
      expect(await secretStatus(secret)).toBe(404);
      await untilRefused(() => isAccepted(token));
      const { credential, outcome } = useOf(ended, answer.nonce);
      expect(outcome).toBe('Unknown');
      expectBetween(credential?.deletedTime, 0, Date.now());
    });

    test('of a use whose deadline passed without a report', async () => {
      const { scene, answer, token, secret } = await inUse(await create({ timeoutSeconds: 1 }));
      expect(await isAccepted(token)).toBe(true);
      const { deadlineTime } = useOf(await readGrant(plane, scene.grant), answer.nonce);
      const ended = await untilPhase(plane, scene.grant, 'Finished', WAIT_MILLISECONDS);
      expect(ended.status?.outcome).toBe('Unknown');
      expect(await secretStatus(secret)).toBe(404);
      const { credential } = useOf(ended, answer.nonce);
      expectBetween(credential?.deletedTime, Date.parse(deadlineTime), Date.now());
      await untilRefused(() => isAccepted(token));
    });

    test('of an attempt that was given back is refused, and the next attempt has another', async () => {
      const first = await inUse(await create());
      const { scene, token, secret } = first;
      await report(first, 'NotDispatched');
      expect(await secretStatus(secret)).toBe(404);
      await untilRefused(() => isAccepted(token));
      const second = await inUse(scene);
      expect(second.secret).not.toBe(secret);
      expect(await isAccepted(second.token)).toBe(true);
      expect(await isAccepted(token)).toBe(false);
    });
  },
);

describe.concurrent('who finds out', { timeout: 2 * WAIT_MILLISECONDS }, () => {
  test('every replica can, with the credential that the sidecar sends back', async () => {
    for (const { port } of product.replicas) {
      const scene = await createScene(plane, namespace);
      // The use is the other one's.
      const other = product.replicas.find((replica) => replica.port !== port);
      const answer = await exchange.mustUse(scene.pod, scene.call, other?.port);
      await report({ scene, answer }, 'Succeeded', port);
      const confirmed = await untilConfirmed(scene.grant);
      expect(useOf(confirmed, answer.nonce).credential?.rejectedTime).toBeDefined();
    }
  });

  test('nobody can, when the credential is lost: the record says so, and names no time', async () => {
    const scene = await createScene(plane, namespace);
    const [first, second] = product.replicas;
    const { nonce } = await exchange.mustUse(scene.pod, scene.call, first?.port);
    const finished = Date.now();
    await exchange.finish(scene.pod, nonce, { outcome: 'Succeeded' }, second?.port);
    const ended = await untilGrant(
      plane,
      scene.grant,
      (grant) => conditionOf(grant, 'CredentialRevoked')?.reason === 'Unconfirmed',
      'is not said to be unconfirmed',
      WAIT_MILLISECONDS,
    );
    // Not before the API server's cache has certainly run out.
    expect(Date.now() - finished).toBeGreaterThan(SUCCESS_CACHE_MILLISECONDS);
    expect(useOf(ended, nonce).credential?.rejectedTime).toBeUndefined();
    expect(conditionOf(ended, 'CredentialRevoked')?.message).toMatch(/JWKS/);
  });

  test("nobody is misled by another token in the credential's place", async () => {
    const scene = await createScene(plane, namespace);
    const [first, second] = product.replicas;
    const { nonce, grant } = await exchange.mustUse(scene.pod, scene.call, first?.port);
    await exchange.finish(
      scene.pod,
      nonce,
      { outcome: 'Succeeded', grant, credentialToken: scene.pod.token },
      second?.port,
    );
    await sleep(2_000);
    expect(conditionOf(await readGrant(plane, scene.grant), 'CredentialRevoked')).toMatchObject({
      status: 'Unknown',
    });
  });
});

describe.concurrent('a grant that was not used', { timeout: WAIT_MILLISECONDS }, () => {
  test('keeps no Secret when it is deleted', async () => {
    const { grant } = await createScene(plane, namespace);
    const secret = grant.status?.credential?.secretName ?? '';
    expect(await secretStatus(secret)).toBe(200);
    await deleteGrant(plane, grant);
    await eventually(async () => expect(await secretStatus(secret)).toBe(404));
  });

  test('keeps no Secret when it expires, and cannot be used in between', async () => {
    const scene = await createScene(plane, namespace, { useDeadlineSeconds: 10 });
    const secret = scene.grant.status?.credential?.secretName ?? '';
    const expired = await untilPhase(plane, scene.grant, 'Expired', WAIT_MILLISECONDS);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(`${expired.status?.expirationTime}`));
    const collected = await untilGrant(
      plane,
      scene.grant,
      ({ status }) => status?.credential === undefined,
      'still names a Secret',
    );
    // The record is written after the fact.
    expect(await secretStatus(secret)).toBe(404);
    expect(conditionOf(collected, 'CredentialRevoked')).toBeUndefined();
    expect(conditionOf(collected, 'Finished')).toMatchObject({ status: 'True', reason: 'Expired' });
  });
});

describe('a finalizer on a bound Secret', () => {
  const POLICY = 'actiongrant-secrets';
  const patchFinalizers = (secret: string, finalizers: readonly string[] | null) =>
    plane.request(
      'PATCH',
      `/api/v1/namespaces/${namespace}/secrets/${secret}`,
      { metadata: { finalizers } },
      { contentType: 'application/merge-patch+json' },
    );

  test('is refused by policy, also to an administrator', async () => {
    const { grant } = await createScene(plane, namespace);
    const refused = await patchFinalizers(grant.status?.credential?.secretName ?? '', ['a.test/b']);
    expect(refused.status).toBe(403);
    expect(JSON.stringify(refused.body)).toContain(
      "ValidatingAdmissionPolicy 'actiongrant-secrets'",
    );
  });

  test('where the policy is missing, is no revocation: nothing is said to be revoked before it is', async () => {
    const used = await inUse(await createScene(plane, namespace));
    const { scene, answer, token, secret } = used;
    const binding = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/${POLICY}`;
    // Missing here alone: others share the cluster.
    const elsewhere = {
      key: 'kubernetes.io/metadata.name',
      operator: 'NotIn',
      values: [namespace],
    };
    const namespaceSelector = { matchExpressions: [elsewhere] };
    await plane.api(
      'PATCH',
      binding,
      { spec: { matchResources: { namespaceSelector } } },
      { contentType: 'application/merge-patch+json' },
    );
    await eventually(
      async () => expect((await patchFinalizers(secret, ['a.test/b'])).status).toBe(200),
      { withinMilliseconds: 20_000, everyMilliseconds: 100 },
    );
    for (let round = 0; round < 2; round++) {
      const held = await report(used, 'Succeeded');
      expect(held.body).toMatchObject({ status: 503, code: 'KubernetesUnavailable' });
      expect((held.body as { detail: string }).detail).toMatch(/finalizer/);
      const current = await readGrant(plane, scene.grant);
      expect(current.status?.phase).toBe('InUse');
      expect(useOf(current, answer.nonce).credential?.deletedTime).toBeUndefined();
      expect(conditionOf(current, 'CredentialRevoked')).toMatchObject({
        status: 'False',
        reason: 'Live',
      });
    }
    // Which is the truth.
    expect(await FOR_A_SERVICE.isAccepted(token)).toBe(true);
    expect((await patchFinalizers(secret, null)).status).toBe(200);
    expect((await report(used, 'Succeeded')).body).toEqual({
      phase: 'Finished',
      outcome: 'Succeeded',
    });
    expect(await secretStatus(secret)).toBe(404);
  });
});
