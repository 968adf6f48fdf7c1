/**
 * One test for every guard of the transaction (the model's mutations): each fails when its guard is taken out, which
 * test/mutation/guards.ts proves. Replicas run in this process, each behind a proxy that can stop any of its requests.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { podIsGoneForSure } from '../../controller/reconcile/burn.ts';
import type { ActionGrant, Use } from '../../core/api/generated/actiongrant.ts';
import { currentUse } from '../../core/api/grant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import type { UseAnswer } from '../../core/wire/use.ts';
import { callThrough } from '../support/agent-call.ts';
import {
  type KubeObject,
  type OwnControlPlane,
  startControlPlane,
} from '../support/control-plane.ts';
import { installCrds } from '../support/crds.ts';
import { eventually } from '../support/eventually.ts';
import { aUseRequest, Exchange, type ExchangeAnswer } from '../support/exchange.ts';
import {
  createGrant,
  createServiceAccount,
  createUsableGrant,
  grantsPath,
  readGrant,
  untilGrant,
  untilPhase,
} from '../support/grants.ts';
import { deletePod, issuePodToken } from '../support/kubelet.ts';
import {
  type LocalProduct,
  type LocalReplica,
  startLocalProduct,
} from '../support/local-product.ts';
import { type LocalSidecar, startLocalSidecar } from '../support/local-sidecar.ts';
import { createScene, type Scene, SERVICE, statusOf } from '../support/scene.ts';
import { reviewedUser, startUpstream, type Upstream } from '../support/upstream.ts';

const NAMESPACE = 'soc';
/** Long enough for what must not happen to happen. */
const A_WHILE_MILLISECONDS = 400;

let plane: OwnControlPlane;
let product: LocalProduct;
let exchange: Exchange;
let upstream: Upstream;
let client: KubernetesClient;
let a: LocalReplica;
let b: LocalReplica;

beforeAll(async () => {
  plane = await startControlPlane();
  await installCrds(plane);
  await plane.api('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  product = await startLocalProduct(plane, { replicas: 2, agentNamespaces: [NAMESPACE] });
  const [first, second] = product.replicas;
  if (first === undefined || second === undefined) throw new Error('two replicas were asked for');
  [a, b] = [first, second];
  exchange = new Exchange(product);
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: plane.adminKubeconfig },
    userAgent: 'actiongrant-test',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  upstream = await startUpstream({
    plane,
    names: [new URL(SERVICE).host],
    answer: ({ headers }) => (headers['user-agent'] === 'cut-me' ? 'cut' : { status: 200 }),
  });
});
afterAll(async () => {
  await exchange?.close();
  await client?.close();
  await product?.[Symbol.asyncDispose]();
  await upstream?.close();
  await plane?.stop();
});

const scene = (spec: Partial<ActionGrant['spec']> = {}): Promise<Scene> =>
  createScene(plane, NAMESPACE, spec);

/** JSON leaves the field out, so the call is made as nobody. */
const NO_CREDENTIAL = { credential: undefined as never };

const use = (
  { pod, call }: Scene,
  replica: LocalReplica,
  nonce: string = randomUUID(),
  waitMilliseconds = 10_000,
): Promise<ExchangeAnswer> =>
  exchange.use(pod, aUseRequest({ nonce, action: call, waitMilliseconds }), replica.port);

async function mustUse(
  at: Scene,
  replica: LocalReplica,
  nonce?: string,
): Promise<UseAnswer & { token: string }> {
  const answer = await use(at, replica, nonce);
  if (answer.status !== 201) throw new Error(`the use was refused: ${answer.text}`);
  const body = answer.body as UseAnswer;
  return { ...body, token: body.credential?.token ?? '' };
}

const finish = (
  { pod }: Scene,
  replica: LocalReplica,
  { nonce, grant }: Pick<UseAnswer, 'nonce' | 'grant'>,
  outcome: 'NotDispatched' | 'Succeeded' | 'Unknown',
  by = pod,
): Promise<ExchangeAnswer> => exchange.finish(by, nonce, { grant, outcome }, replica.port);

/** Every bound Secret of the grant that exists. */
async function secretsOf({ grant }: Scene): Promise<string[]> {
  const { items } = await plane.api<{ items: { metadata: { name: string; uid: string } }[] }>(
    'GET',
    `/api/v1/namespaces/${NAMESPACE}/secrets`,
  );
  return items
    .filter(({ metadata }) => metadata.name.startsWith(`ag-${grant.metadata.uid}-`))
    .map(({ metadata }) => metadata.uid);
}

/** Puts another Secret into the place of the grant's: what somebody with the edit role can do. @returns its UID */
async function replaceSecret(at: Scene): Promise<string> {
  const name = (await statusOf(at)).credential?.secretName ?? '';
  await plane.api('DELETE', `/api/v1/namespaces/${NAMESPACE}/secrets/${name}`);
  const { metadata } = await plane.api('POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, {
    metadata: { name },
    type: 'actiongrant.dev/bound',
  });
  return metadata.uid;
}

async function isPending(work: Promise<unknown>): Promise<boolean> {
  const waited = Symbol('waited');
  return (await Promise.race([work, sleep(A_WHILE_MILLISECONDS, waited)])) === waited;
}

function useOf(grant: ActionGrant): Use {
  const use = currentUse(grant);
  if (use === undefined) throw new Error('the grant is not in use');
  return use;
}

const accepted = async (token: string): Promise<boolean> =>
  (await reviewedUser(plane, token, SERVICE)) !== undefined;

/** What was accepted before, or before the API server's cache of Secrets had heard of it, is accepted for 10 s. */
const untilRefused = (token: string): Promise<void> =>
  eventually(async () => expect(await accepted(token)).toBe(false), {
    withinMilliseconds: 30_000,
    everyMilliseconds: 100,
  });

describe.concurrent('consuming', () => {
  test('resourceVersion on the consuming write: of two replicas that both read Approved, one wins', async () => {
    const at = await scene();
    const write = a.api.rule(at.requests.consume, { type: 'HoldRequest' });
    const first = use(at, a);
    await write.hit;
    const winner = await mustUse(at, b);
    write.release();

    expect(await write.answered, 'the API server refuses the stale write as a conflict').toBe(409);
    expect(await first).toMatchObject({ status: 403, code: 'GrantRequired' });
    const { uses } = await statusOf(at);
    expect(uses?.map(({ id }) => id)).toEqual([winner.nonce]);
  });

  test('hand-over after consume: nothing is answered while the write is under way', async () => {
    const at = await scene();
    const write = a.api.rule(at.requests.consume, { type: 'HoldRequest' });
    const answer = use(at, a);
    await write.hit;
    expect(await isPending(answer)).toBe(true);
    write.release();
    expect((await answer).status).toBe(201);
  });

  test('hand-over after consume: nothing is handed over if the write is lost', async () => {
    const at = await scene();
    a.api.rule(at.requests.consume, { type: 'DropRequest' });
    const answer = await use(at, a);
    expect(answer).toMatchObject({ status: 503, code: 'OutcomeAmbiguous' });
    expect(answer.text).not.toContain('eyJ');
    expect(await statusOf(at)).toMatchObject({ phase: 'Approved' });
  });

  test('attempt ID after an ambiguous write: a token that the record does not name is not handed over', async () => {
    const at = await scene();
    const nonce = randomUUID();
    const write = a.api.rule(at.requests.consume, { type: 'DropRequest' });
    const readBack = a.api.rule(at.requests.readGrant, { type: 'HoldRequest' });
    const first = use(at, a, nonce);
    await write.hit;
    await readBack.hit;
    // The same message reaches another replica, which consumes for the same nonce with a token of its own.
    const second = await mustUse(at, b, nonce);
    readBack.release();

    expect(await first).toMatchObject({ status: 503, code: 'OutcomeAmbiguous' });
    const { uses } = await statusOf(at);
    expect(uses?.map(({ credential }) => credential?.id)).toEqual([decodeJwt(second.token).jti]);
  });

  test("attempt ID after an ambiguous write: without a credential, another replica's write is not taken for one's own", async () => {
    const at = await scene(NO_CREDENTIAL);
    const nonce = randomUUID();
    const write = a.api.rule(at.requests.consume, { type: 'DropRequest' });
    const readBack = a.api.rule(at.requests.readGrant, { type: 'HoldRequest' });
    const first = use(at, a, nonce);
    await write.hit;
    await readBack.hit;
    const second = await mustUse(at, b, nonce);
    readBack.release();

    expect(second.credential).toBeUndefined();
    expect(await first).toMatchObject({ status: 503, code: 'OutcomeAmbiguous' });
    expect((await statusOf(at)).uses).toHaveLength(1);
  });

  test('read-back after an ambiguous write: without a credential, too, a write that was applied is handed over', async () => {
    const at = await scene(NO_CREDENTIAL);
    a.api.rule(at.requests.consume, { type: 'DropAnswer' });
    const used = await mustUse(at, a);
    expect(used.credential).toBeUndefined();
    expect(await statusOf(at)).toMatchObject({ phase: 'InUse', uses: [{ id: used.nonce }] });
  });

  test('read-back after an ambiguous write: a write that was applied is handed over', async () => {
    const at = await scene();
    a.api.rule(at.requests.consume, { type: 'DropAnswer' });
    const { token } = await mustUse(at, a);
    const { phase, uses } = await statusOf(at);
    expect(phase).toBe('InUse');
    expect(uses?.map(({ credential }) => credential?.id)).toEqual([decodeJwt(token).jti]);
  });

  test('no other grant after an ambiguous write: a call consumes one grant at most', async () => {
    const at = await scene();
    const twin = await createUsableGrant(plane, NAMESPACE, { spec: at.grant.spec });
    const either = new RegExp(`/(${at.grant.metadata.name}|${twin.metadata.name})/status`);
    const write = a.api.rule({ path: either, body: /"phase":"InUse"/ }, { type: 'LateRequest' });
    expect(await use(at, a)).toMatchObject({ status: 503, code: 'OutcomeAmbiguous' });
    write.release();
    expect(await write.answered, 'the late write lands').toBe(200);

    const phases = [await readGrant(plane, at.grant), await readGrant(plane, twin)];
    expect(phases.map(({ status }) => status?.phase).sort()).toEqual(['Approved', 'InUse']);
  });

  test('past nonces refused: a nonce that was given back gets nothing any more', async () => {
    const at = await scene();
    const first = await mustUse(at, a);
    expect((await finish(at, a, first, 'NotDispatched')).status).toBe(200);
    const before = a.api.requests.length;
    for (const replica of [a, b]) {
      expect(await use(at, replica, first.nonce)).toMatchObject({ code: 'AlreadyUsed' });
    }
    // The other replica may have minted before it saw that; the one that gave back has not.
    const since = a.api.requests.slice(before);
    expect(since.filter(({ path }) => at.requests.mint.path.test(path))).toEqual([]);
    expect(await statusOf(at)).toMatchObject({ phase: 'Approved' });
  });

  test('a repeated nonce gets no second credential', async () => {
    const at = await scene();
    const { nonce } = await mustUse(at, a);
    for (const replica of [a, b]) {
      expect(await use(at, replica, nonce)).toMatchObject({ status: 409, code: 'AlreadyUsed' });
    }
  });

  test('nothing is consumed for a caller that has gone', async () => {
    const at = await scene();
    const mint = a.api.rule(at.requests.mint, { type: 'HoldAnswer' });
    const leaving = new Exchange(product);
    const answer = leaving.use(at.pod, aUseRequest({ action: at.call }), a.port);
    const gone = expect(answer).rejects.toThrow();
    await mint.hit;
    await leaving.close();
    await gone;
    await sleep(100);
    mint.release();
    await sleep(A_WHILE_MILLISECONDS);
    expect(await statusOf(at)).toMatchObject({ phase: 'Approved' });
  });

  test('a grant that is being deleted is not consumed', async () => {
    const at = await scene();
    const path = `${grantsPath(NAMESPACE)}/${at.grant.metadata.name}`;
    const finalizers = (names: string[]) =>
      plane.api('PATCH', path, { metadata: { finalizers: names } }, MERGE);
    await finalizers(['example.com/hold']);
    await plane.api('DELETE', path);
    for (const replica of [a, b]) {
      expect(await use(at, replica)).toMatchObject({ status: 403, code: 'GrantRequired' });
    }
    await finalizers([]);
  });
});

const MERGE = { contentType: 'application/merge-patch+json' };

describe.concurrent("the Secret's UID", () => {
  test("the Secret's UID in the token: nothing is minted for another Secret of the same name", async () => {
    const at = await scene();
    await replaceSecret(at);
    for (const replica of [a, b]) {
      const answer = await use(at, replica);
      expect(answer).toMatchObject({ status: 403, code: 'CredentialRefused' });
    }
    expect(await statusOf(at)).toMatchObject({ phase: 'Approved' });
  });

  test("the Secret's UID in the deletion: another Secret of the same name stays, and the use is over", async () => {
    const at = await scene();
    const used = await mustUse(at, a);
    const other = await replaceSecret(at);
    expect((await finish(at, a, used, 'Succeeded')).status).toBe(200);
    expect(await statusOf(at)).toMatchObject({ phase: 'Finished', outcome: 'Succeeded' });
    expect(await secretsOf(at)).toEqual([other]);
  });
});

/** Every status that a replica wrote of a grant, whether or not it was taken. */
function statusesWritten(grant: string): string[] {
  return [a, b]
    .flatMap(({ api }) => api.requests)
    .filter(({ method, path }) => method !== 'GET' && path.includes(`/${grant}/status`))
    .map(({ body }) => body);
}

/** Puts a Secret under the name that a replica has chosen and is about to create. @returns its name and UID */
async function takeName({ api }: LocalReplica, match: { path: RegExp; body: RegExp }) {
  const creation = api.requests
    .filter(({ path, body }) => match.path.test(path) && match.body.test(body))
    .at(-1);
  const { metadata } = JSON.parse(creation?.body ?? '{}') as KubeObject;
  const planted = await plane.api('POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, {
    metadata: { name: metadata.name },
    type: 'actiongrant.dev/bound',
  });
  return { name: metadata.name, uid: planted.metadata.uid };
}

describe.concurrent('the name of a Secret', () => {
  test('AlreadyExists is never adopted: a grant becomes usable with a Secret of another name', async () => {
    const name = `taken-${randomUUID().slice(0, 8)}`;
    const account = `${name}-account`;
    await createServiceAccount(plane, NAMESPACE, account);
    const creation = {
      method: 'POST',
      path: /\/secrets$/,
      body: new RegExp(`"name":"${name}"`),
    } as const;
    const rules = [a, b].map((replica) => ({
      replica,
      rule: replica.api.rule(creation, { type: 'HoldRequest' }),
    }));
    const grant = await createGrant(plane, NAMESPACE, {
      name,
      spec: {
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: { serviceAccountName: account, audience: SERVICE },
        },
      },
    });
    // The replica that leads.
    const held = await Promise.race(rules.map((each) => each.rule.hit.then(() => each)));
    const taken = await takeName(held.replica, creation);
    expect((await readGrant(plane, grant)).status?.credential).toBeUndefined();
    for (const { rule } of rules) rule.release();
    expect(await held.rule.answered).toBe(409);

    const { status } = await untilPhase(plane, grant, 'Approved');
    expect(status?.credential?.secretName).not.toBe(taken.name);
    const written = statusesWritten(name);
    expect(written.some((body) => body.includes(status?.credential?.secretUID ?? '?'))).toBe(true);
    expect(written.filter((body) => body.includes(taken.uid))).toEqual([]);
  });

  test('AlreadyExists is never adopted: nor is a grant given back with it', async () => {
    const at = await scene();
    const used = await mustUse(at, a);
    const creation = a.api.rule(at.requests.createSecret, { type: 'HoldRequest' });
    const answer = finish(at, a, used, 'NotDispatched');
    await creation.hit;
    const taken = await takeName(a, at.requests.createSecret);
    creation.release();
    expect(await creation.answered).toBe(409);
    await answer;

    expect((await finish(at, a, used, 'NotDispatched')).status).toBe(200);
    const { phase, credential } = await statusOf(at);
    expect(phase).toBe('Approved');
    expect(credential?.secretName).not.toBe(taken.name);
    const written = statusesWritten(at.grant.metadata.name);
    expect(written.some((body) => body.includes(credential?.secretUID ?? '?'))).toBe(true);
    expect(written.filter((body) => body.includes(taken.uid))).toEqual([]);
    // And the next use is one of the controller's own Secret.
    expect(decodeJwt((await mustUse(at, b)).token)['kubernetes.io']).toMatchObject({
      secret: { uid: credential?.secretUID },
    });
  });
});

describe.concurrent('finishing', () => {
  test('nonce check in finish: a late report of an earlier attempt does not touch a later one', async () => {
    const at = await scene();
    const first = await mustUse(at, a);
    expect((await finish(at, a, first, 'NotDispatched')).status).toBe(200);
    const second = await mustUse(at, b);
    for (const replica of [a, b]) {
      const late = await finish(at, replica, first, 'Succeeded');
      expect(late.body).toMatchObject({ outcome: 'NotDispatched' });
    }
    const { phase, uses } = await statusOf(at);
    expect(phase).toBe('InUse');
    expect(uses?.find(({ endTime }) => endTime === undefined)?.id).toBe(second.nonce);
    expect(await accepted(second.token)).toBe(true);
  });

  test("pod check in finish: another pod's report is refused and changes nothing", async () => {
    const at = await scene();
    const used = await mustUse(at, a);
    const other = await issuePodToken(plane, {
      namespace: NAMESPACE,
      serviceAccountName: at.pod.serviceAccountName,
    });
    expect(await finish(at, a, used, 'Succeeded', other)).toMatchObject({ code: 'UseNotYours' });
    expect(await statusOf(at)).toMatchObject({ phase: 'InUse' });
    expect(await accepted(used.token)).toBe(true);
  });

  test('revoke before record, in finish: nothing is recorded while the Secret may exist', async () => {
    const at = await scene();
    const used = await mustUse(at, a);
    const deletion = a.api.rule(at.requests.deleteSecret, { type: 'HoldRequest' });
    const answer = finish(at, a, used, 'Succeeded');
    await deletion.hit;
    expect(await isPending(answer)).toBe(true);
    expect(await statusOf(at)).toMatchObject({ phase: 'InUse' });
    deletion.release();
    expect((await answer).status).toBe(200);
    expect(await secretsOf(at)).toEqual([]);
    expect(await statusOf(at)).toMatchObject({ phase: 'Finished', outcome: 'Succeeded' });
  });

  test('revoke before record, in burn: nothing is recorded while the Secret may exist', async () => {
    const at = await scene({ timeoutSeconds: 1 });
    await mustUse(at, a);
    const rules = [a, b].map(({ api }) =>
      api.rule(at.requests.deleteSecret, { type: 'HoldRequest' }),
    );
    await Promise.race(rules.map(({ hit }) => hit));
    await sleep(A_WHILE_MILLISECONDS);
    expect(await statusOf(at)).toMatchObject({ phase: 'InUse' });
    for (const rule of rules) rule.release();
    await untilPhase(plane, at.grant, 'Finished');
    expect(await secretsOf(at)).toEqual([]);
    expect(await statusOf(at)).toMatchObject({ outcome: 'Unknown' });
  });

  test('a deletionTimestamp is not a revocation: a Secret with a finalizer keeps the use open', async () => {
    const at = await scene();
    const used = await mustUse(at, a);
    const { secretName = '' } = (await statusOf(at)).credential ?? {};
    const finalizers = (names: string[]) =>
      plane.api(
        'PATCH',
        `/api/v1/namespaces/${NAMESPACE}/secrets/${secretName}`,
        { metadata: { finalizers: names } },
        MERGE,
      );
    await finalizers(['example.com/hold']);
    expect(await finish(at, a, used, 'Succeeded')).toMatchObject({ status: 503 });
    expect(await statusOf(at)).toMatchObject({ phase: 'InUse' });
    expect(await accepted(used.token)).toBe(true);
    await finalizers([]);
    expect((await finish(at, a, used, 'Succeeded')).status).toBe(200);
    expect(await statusOf(at)).toMatchObject({ phase: 'Finished' });
  });

  test('never give back a burnt use: it ends Unknown, whatever is reported later', async () => {
    const at = await scene({ timeoutSeconds: 1 });
    const used = await mustUse(at, a);
    await untilPhase(plane, at.grant, 'Finished');
    const before = await statusOf(at);
    expect(before).toMatchObject({ outcome: 'Unknown' });
    expect(before.uses?.map(({ outcome }) => outcome)).toEqual(['Unknown']);
    const late = await finish(at, b, used, 'NotDispatched');
    expect(late.body).toMatchObject({ phase: 'Finished', outcome: 'Unknown' });
    expect(await use(at, b)).toMatchObject({ code: 'GrantRequired' });
    await untilRefused(used.token);
  });

  test('a use of a grant that is being deleted is burnt in time, whoever holds the grant', async () => {
    const at = await scene({ timeoutSeconds: 1 });
    await mustUse(at, a);
    const path = `${grantsPath(NAMESPACE)}/${at.grant.metadata.name}`;
    const finalizers = (names: string[]) =>
      plane.api('PATCH', path, { metadata: { finalizers: names } }, MERGE);
    await finalizers(['example.com/hold']);
    await plane.api('DELETE', path);
    await untilPhase(plane, at.grant, 'Finished');
    expect(await secretsOf(at)).toEqual([]);
    await finalizers([]);
  });

  test('a pod that the cache does not know yet is not taken for gone', async () => {
    const at = await scene();
    const used = await mustUse(at, a);
    const cached = await readGrant(plane, at.grant);
    // What the leader sees if its watch of pods is behind that of grants.
    expect(await podIsGoneForSure(client, cached, useOf(cached))).toBe(false);
    await deletePod(plane, NAMESPACE, at.pod.podName);
    expect(await podIsGoneForSure(client, cached, useOf(cached))).toBe(true);
    // And then the use ends before its deadline.
    const { status } = await untilPhase(plane, at.grant, 'Finished');
    expect(status?.outcome).toBe('Unknown');
    const [{ endTime = '', deadlineTime } = useOf(cached)] = status?.uses ?? [];
    expect(Date.parse(endTime)).toBeLessThan(Date.parse(deadlineTime));
    await untilRefused(used.token);
  });

  test('CredentialRevoked speaks of the last credential: not of an earlier one while it is live', async () => {
    const at = await scene();
    const first = await mustUse(at, a);
    // A token that was never presented is refused as soon as its Secret is gone: confirmed while the next one is live.
    const record = a.api.rule(
      { ...at.requests.writeStatus, body: /rejectedTime/ },
      { type: 'HoldRequest' },
    );
    await finish(at, a, first, 'NotDispatched');
    await record.hit;
    await mustUse(at, a);
    record.release();
    await untilGrant(
      plane,
      at.grant,
      ({ status }) => status?.uses?.[0]?.credential?.rejectedTime !== undefined,
      'does not record the rejection',
    );
    const { conditions } = await statusOf(at);
    expect(conditions?.find(({ type }) => type === 'CredentialRevoked')).toMatchObject({
      status: 'False',
      reason: 'Live',
    });
  });
});

describe.concurrent('the sidecar', () => {
  const startSidecar = (
    { pod }: Scene,
    replicas: readonly LocalReplica[],
    upstreamPort = upstream.port,
    useWaitMilliseconds = 30_000,
  ): Promise<LocalSidecar> =>
    startLocalSidecar(plane, {
      pod,
      exchangeURLs: replicas.map(({ port }) => `https://127.0.0.1:${port}`),
      exchangeCAFile: product.exchangeCAFile,
      connectTo: new Map([[`${new URL(SERVICE).host}:443`, `127.0.0.1:${upstreamPort}`]]),
      trustBundle: upstream.caPem,
      useWaitMilliseconds,
    });

  test('an honest NotDispatched: what the service may have seen is never given back', async () => {
    const at = await scene();
    await using sidecar = await startSidecar(at, [a, b]);
    const headers = { 'user-agent': 'cut-me' };
    const answer = await callThrough(sidecar, 'POST', at.url, at.body, headers);
    expect(answer.status).toBeGreaterThanOrEqual(500);
    await untilPhase(plane, at.grant, 'Finished');
    expect(await statusOf(at)).toMatchObject({ outcome: 'Unknown' });
    expect(await callThrough(sidecar, 'POST', at.url, at.body)).toMatchObject({
      code: 'GrantRequired',
    });
    expect(upstream.count(`POST ${at.path}`)).toBe(1);
  });

  test('an honest NotDispatched: what was never sent is given back, and the next call uses it', async () => {
    const at = await scene();
    // Nobody listens on port 9 of loopback.
    await using nowhere = await startSidecar(at, [a], 9);
    expect((await callThrough(nowhere, 'POST', at.url, at.body)).status).toBeGreaterThan(500);
    await untilPhase(plane, at.grant, 'Approved');
    await using sidecar = await startSidecar(at, [b]);
    expect((await callThrough(sidecar, 'POST', at.url, at.body)).status).toBe(200);
    await untilPhase(plane, at.grant, 'Finished');
    const { uses } = await statusOf(at);
    expect(uses?.map(({ outcome }) => outcome)).toEqual(['NotDispatched', 'Succeeded']);
    expect(upstream.count(`POST ${at.path}`)).toBe(1);
  });

  test('a restarted sidecar never reuses a nonce: its next call has one of its own', async () => {
    const at = await scene();
    const nonces: string[] = [];
    for (let start = 0; start < 2; start++) {
      const grant =
        start === 0 ? at.grant : await createUsableGrant(plane, NAMESPACE, { spec: at.grant.spec });
      const sidecar = await startSidecar(at, [a]);
      const answer = await callThrough(sidecar, 'POST', at.url, at.body);
      expect(answer.status, answer.text).toBe(200);
      await sidecar.stop();
      const { status } = await untilPhase(plane, grant, 'Finished');
      nonces.push(...(status?.uses ?? []).map(({ id }) => id));
    }
    expect(new Set(nonces).size).toBe(2);
  });

  test('a call whose exchange is silent is refused in time, and its grant is not lost', async () => {
    const at = await scene();
    const held = [at.requests.consume, at.requests.readGrant].map((match) =>
      a.api.rule(match, { type: 'HoldAnswer' }),
    );
    // And the report that nothing was sent is slow, too.
    held.push(a.api.rule(at.requests.deleteSecret, { type: 'HoldRequest' }));
    await using sidecar = await startSidecar(at, [a], upstream.port, 1_000);
    // Nothing is released before there is an answer.
    const answer = await callThrough(sidecar, 'POST', at.url, at.body);
    expect(answer).toMatchObject({ status: 503, code: 'ControllerUnavailable' });
    for (const rule of held) rule.release();
    expect(upstream.count(`POST ${at.path}`)).toBe(0);
    await untilPhase(plane, at.grant, 'Approved');
  });
});
