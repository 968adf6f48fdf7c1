/**
 * Processes die (kill -9), answers get lost and writes land late, at every step of a use. Whatever happens: at most one effect,
 * none where nothing was sent, a record that says so, and a token that is dead in the end.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import type { Phase } from '../../core/api/phase.ts';
import { USES_PATH } from '../../core/wire/paths.ts';
import type { UseAnswer } from '../../core/wire/use.ts';
import { type AgentAnswer, callThrough } from '../support/agent-call.ts';
import { aCredential, aKubernetesAction, anHttpAction } from '../support/builders.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { aKubernetesCall, aUseRequest, Exchange } from '../support/exchange.ts';
import {
  type FaultyServer,
  faultyKubeconfig,
  type Rule,
  startFaultyApiServer,
  startFaultyServer,
} from '../support/faulty-api-server.ts';
import {
  createGrant,
  createServiceAccount,
  createUsableGrant,
  untilGrant,
  untilPhase,
} from '../support/grants.ts';
import { issuePodToken } from '../support/kubelet.ts';
import { type LocalSidecar, startLocalSidecar } from '../support/local-sidecar.ts';
import { type Product, type Replica, startProduct } from '../support/product.ts';
import { createScene, type Scene, SERVICE, statusOf } from '../support/scene.ts';
import { reviewedUser, startUpstream, type Upstream } from '../support/upstream.ts';

const NAMESPACE = 'soc';
const SERVICE_AUTHORITY = `${new URL(SERVICE).host}:443`;
/** Deadline, slack and a margin for a slow machine. */
const BURN_MILLISECONDS = 30_000;
/** The API server may accept a token for 10 s from its first use. */
const TOKEN_DEATH_MILLISECONDS = 30_000;
/** Calls wait for their authorization while processes die and come back, here or there at once. */
const USE_WAIT_MILLISECONDS = 30_000;
const ANSWER_MILLISECONDS = 60_000;
/** More than the waits of a test together. */
const TEST_MILLISECONDS = 180_000;

/** How long a leader that died is taken to lead. */
const LEASE_MILLISECONDS = 15_000;

let plane: OwnControlPlane;
let product: Product;
let exchange: Exchange;
let upstream: Upstream;
/** Leads, until it is killed. Its requests to the API server can be disturbed. */
let victim: Replica;
let victimApi: FaultyServer;
/** Runs through. */
let steady: Replica;
/** Its requests to the API server can be disturbed. */
let disturbed: Replica;
let disturbedApi: FaultyServer;
/** Paths whose requests the upstream answers only after `resolve()`. */
const slow = new Map<string, PromiseWithResolvers<void>>();

beforeAll(async () => {
  plane = await startControlPlane();
  await plane.api('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  [victimApi, disturbedApi, upstream] = await Promise.all([
    startFaultyApiServer(plane),
    startFaultyApiServer(plane),
    startUpstream({
      plane,
      names: [new URL(SERVICE).host],
      async answer({ path }) {
        await slow.get(path)?.promise;
        return { status: 200 };
      },
    }),
  ]);
  product = await startProduct(plane, {
    replicas: 1,
    agentNamespaces: [NAMESPACE],
    replica: ({ controllerKubeconfig }) => ({
      kubeconfig: faultyKubeconfig(plane, victimApi, controllerKubeconfig),
    }),
  });
  const [first] = product.replicas;
  if (first === undefined) throw new Error('there is no replica');
  victim = first;
  const { controllerKubeconfig } = product.chart;
  const kubeconfig = faultyKubeconfig(plane, disturbedApi, controllerKubeconfig);
  [steady, disturbed] = await Promise.all([
    product.startReplica(),
    product.startReplica({ kubeconfig, outOfRotation: true }),
  ]);
  exchange = new Exchange(product);
});
afterAll(async () => {
  for (const { resolve } of slow.values()) resolve();
  for (const api of [victimApi, disturbedApi]) api?.clear();
  await exchange?.close();
  await product?.stop();
  await Promise.all([victimApi?.close(), disturbedApi?.close(), upstream?.close()]);
  await plane?.stop();
});

const scene = (spec: Partial<ActionGrant['spec']> = {}): Promise<Scene> =>
  createScene(plane, NAMESPACE, spec);

const urlOf = ({ port }: { port: number }): string => `https://127.0.0.1:${port}`;
const connectTo = () => new Map([[SERVICE_AUTHORITY, `127.0.0.1:${upstream.port}`]]);

/** A sidecar that asks these replicas, in this order. */
function startSidecar(
  { pod }: Scene,
  urls: readonly string[],
  exchangeCAFile = product.exchangeCAFile,
): Promise<LocalSidecar> {
  const trustBundle = upstream.caPem;
  const exchangeURLs = [...urls];
  return startLocalSidecar(plane, {
    pod,
    exchangeURLs,
    exchangeCAFile,
    connectTo: connectTo(),
    trustBundle,
    useWaitMilliseconds: USE_WAIT_MILLISECONDS,
  });
}

const call = (sidecar: { proxyURL: string; caFile: string }, at: Scene): Promise<AgentAnswer> =>
  callThrough(sidecar, 'POST', at.url, at.body, {}, ANSWER_MILLISECONDS);

/** The record and the service's own account in the end. */
async function expectEnd(
  at: Scene,
  expected: { phase: Phase; outcomes: readonly string[]; effects: number; within?: number },
): Promise<void> {
  const { phase, outcomes, effects, within = 30_000 } = expected;
  await untilGrant(
    plane,
    at.grant,
    ({ status }) => status?.phase === phase && (status.uses?.length ?? 0) === outcomes.length,
    `is not ${phase} after ${outcomes.length} uses`,
    within,
  );
  const status = await statusOf(at);
  expect(status.uses?.map(({ outcome }) => outcome) ?? []).toEqual(outcomes);
  if (phase === 'Finished') expect(status.outcome).toBe(outcomes.at(-1));
  expect(upstream.count(`POST ${at.path}`), 'effects').toBe(effects);
  // What the record says of the revocation is true. (That the tokens are dead is checked once for all, below.)
  for (const { credential } of status.uses ?? []) {
    expect(credential?.deletedTime).toBeDefined();
    const secret = `/api/v1/namespaces/${NAMESPACE}/secrets/${credential?.secretName}`;
    expect((await plane.request('GET', secret)).status).toBe(404);
  }
}

/** Refused by a review, as the service itself would ask. */
async function expectDead(token: string): Promise<void> {
  await eventually(
    async () => {
      const user = await reviewedUser(plane, token, SERVICE);
      if (user !== undefined) throw new Error('the token is still accepted');
    },
    { withinMilliseconds: TOKEN_DEATH_MILLISECONDS, everyMilliseconds: 250 },
  );
}

const mustUse = (at: Scene, replica: Replica): Promise<UseAnswer> =>
  exchange.mustUse(at.pod, at.call, replica.port);

/** The leader is in the middle of many grants, each at another step, and dies. Another replica runs on. */
describe('kill -9 of a replica', { timeout: TEST_MILLISECONDS }, () => {
  const LONG = { timeoutSeconds: 120 };
  /** What waits for the next leader. */
  const NEXT_LEADER = { within: LEASE_MILLISECONDS + BURN_MILLISECONDS };
  const sidecars: LocalSidecar[] = [];

  interface Interrupted {
    at: Scene;
    answer: Promise<AgentAnswer>;
  }
  let beforeMint: Interrupted;
  let beforeConsume: Interrupted;
  let afterConsume: Interrupted;
  let afterHandOver: Interrupted;
  let beforeDeletion: Interrupted;
  let beforeRecord: Interrupted;
  let beforeGiveBack: { at: Scene };
  let abandoned: { at: Scene };
  let burning: { at: Scene; left: { phase: Phase; secret: number } };
  let approving: ActionGrant;
  let clusterToken: string;

  beforeAll(async () => {
    // It takes its time until the leader burns a use.
    const burnt = await scene({ timeoutSeconds: 1 });
    const burn = victimApi.rule(burnt.requests.deleteSecret, { type: 'HoldAnswer' });
    await mustUse(burnt, steady);
    await burn.hit;

    const begin = async (
      fault: (at: Scene) => Promise<void>,
      prepare: (at: Scene) => void = () => {},
    ): Promise<Interrupted> => {
      const at = await scene(LONG);
      const sidecar = await startSidecar(at, [victim, steady].map(urlOf));
      sidecars.push(sidecar);
      prepare(at);
      const reached = fault(at);
      const answer = call(sidecar, at);
      await reached;
      return { at, answer };
    };
    const on = (match: (at: Scene) => Parameters<FaultyServer['rule']>[0], type: FaultType) => {
      return (at: Scene): Promise<void> => victimApi.rule(match(at), { type }).hit;
    };

    [beforeMint, beforeConsume, afterConsume, afterHandOver, beforeDeletion, beforeRecord] =
      await Promise.all([
        begin(on(({ requests }) => requests.mint, 'HoldRequest')),
        begin(on(({ requests }) => requests.consume, 'HoldRequest')),
        begin(on(({ requests }) => requests.consume, 'HoldAnswer')),
        begin(
          async ({ path }) => void (await upstream.effect(`POST ${path}`)),
          ({ path }) => slow.set(path, Promise.withResolvers()),
        ),
        begin(on(({ requests }) => requests.deleteSecret, 'HoldRequest')),
        begin(
          on(
            ({ requests }) => ({ ...requests.writeStatus, body: /"phase":"Finished"/ }),
            'HoldRequest',
          ),
        ),
      ]);
    // Two that nobody takes up again: their sidecars died, too.
    const short = { timeoutSeconds: 2 };
    const givingBack = await scene(short);
    const used = await mustUse(givingBack, victim);
    const created = victimApi.rule(givingBack.requests.createSecret, { type: 'HoldAnswer' });
    const { nonce, grant } = used;
    void exchange
      .finish(givingBack.pod, nonce, { grant, outcome: 'NotDispatched' }, victim.port)
      .catch(() => undefined);
    await created.hit;
    beforeGiveBack = { at: givingBack };
    const lost = await scene(short);
    const consumed = victimApi.rule(lost.requests.consume, { type: 'HoldAnswer' });
    void exchange
      .use(lost.pod, aUseRequest({ action: lost.call }), victim.port)
      .catch(() => undefined);
    await consumed.hit;
    abandoned = { at: lost };

    clusterToken = await useInCluster(victim);
    const approval = victimApi.rule(
      { path: /\/approving\/status$/, body: /"phase":"Approved"/ },
      { type: 'HoldRequest' },
    );
    const { spec } = lost.grant;
    const action = anHttpAction({ url: `${SERVICE}/v1/hosts/approving/quarantine` });
    approving = await createGrant(plane, NAMESPACE, {
      name: 'approving',
      spec: { ...spec, action },
    });
    await approval.hit;

    await victim.kill();
    const { phase, credential } = await statusOf(burnt);
    const secret = `/api/v1/namespaces/${NAMESPACE}/secrets/${credential?.secretName}`;
    burning = { at: burnt, left: { phase, secret: (await plane.request('GET', secret)).status } };
    slow.get(afterHandOver.at.path)?.resolve();
  }, TEST_MILLISECONDS);
  afterAll(async () => {
    await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
  });

  test('before mint: nothing was consumed, and the call is made through the other replica', async () => {
    expect((await beforeMint.answer).status).toBe(200);
    await expectEnd(beforeMint.at, { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 });
  });

  test('between mint and consume: the minted token is nowhere, and the call is made', async () => {
    expect((await beforeConsume.answer).status).toBe(200);
    await expectEnd(beforeConsume.at, { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 });
  });

  test('after consume, before hand-over: given back, and made with another credential', async () => {
    expect((await afterConsume.answer).status).toBe(200);
    const outcomes = ['NotDispatched', 'Succeeded'];
    await expectEnd(afterConsume.at, { phase: 'Finished', outcomes, effects: 1 });
  });

  test('after hand-over: the call ends as if nothing had happened', async () => {
    expect((await afterHandOver.answer).status).toBe(200);
    await expectEnd(afterHandOver.at, { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 });
  });

  test("before the Secret's deletion: another replica revokes and records", async () => {
    expect((await beforeDeletion.answer).status).toBe(200);
    await expectEnd(beforeDeletion.at, { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 });
  });

  test("after the Secret's deletion, before the record: another replica records", async () => {
    expect((await beforeRecord.answer).status).toBe(200);
    await expectEnd(beforeRecord.at, { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 });
  });

  test('before a give-back is written, with nobody to report again: burnt, never given back', async () => {
    await expectEnd(beforeGiveBack.at, {
      phase: 'Finished',
      outcomes: ['Unknown'],
      effects: 0,
      ...NEXT_LEADER,
    });
  });

  test('after consume, with nobody to report: burnt, and the token that nobody got is dead', async () => {
    await expectEnd(abandoned.at, {
      phase: 'Finished',
      outcomes: ['Unknown'],
      effects: 0,
      ...NEXT_LEADER,
    });
  });

  test("of the leader, after a burnt use's Secret is deleted, before the record: the next one records", async () => {
    // Revoked first: what was recorded until then claims no end.
    expect(burning.left).toEqual({ phase: 'InUse', secret: 404 });
    await expectEnd(burning.at, {
      phase: 'Finished',
      outcomes: ['Unknown'],
      effects: 0,
      ...NEXT_LEADER,
    });
  });

  test("of the leader, after a grant's Secret is created, before it is named: the next one approves", async () => {
    const { status } = await untilPhase(plane, approving, 'Approved', NEXT_LEADER.within);
    const { secretName, secretUID } = status?.credential ?? {};
    const secret = `/api/v1/namespaces/${NAMESPACE}/secrets/${secretName}`;
    expect((await plane.request('GET', secret)).body.metadata.uid).toBe(secretUID);
  });

  test('after hand-over, with nobody to report: the API server refuses the token', async () => {
    await eventually(
      async () => {
        const status = await statusWith(clusterToken);
        if (status !== 401) throw new Error(`the API server answers ${status}`);
      },
      { withinMilliseconds: BURN_MILLISECONDS + TOKEN_DEATH_MILLISECONDS, everyMilliseconds: 250 },
    );
  });
});

/** A use of a call to the API server itself. @returns its token */
async function useInCluster(replica: Replica): Promise<string> {
  const account = 'pod-remover';
  await createServiceAccount(plane, NAMESPACE, account);
  await createUsableGrant(plane, NAMESPACE, {
    spec: {
      action: aKubernetesAction(),
      credential: aCredential('Kubernetes', account),
      timeoutSeconds: 2,
    },
  });
  const pod = await issuePodToken(plane, {
    namespace: NAMESPACE,
    serviceAccountName: 'incident-agent',
  });
  const { credential } = await exchange.mustUse(pod, aKubernetesCall(), replica.port);
  const token = credential?.token ?? '';
  // Known, and without rights of its own: no 401.
  expect(await statusWith(token)).toBe(403);
  return token;
}

/** Of a real request with this token to the API server. */
async function statusWith(token: string): Promise<number> {
  const as = await plane.kubeconfigForToken(token);
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  return (await plane.request('GET', path, undefined, { as })).status;
}

type FaultType = 'HoldRequest' | 'HoldAnswer' | 'DropAnswer' | 'DropRequest' | 'LateRequest';

describe.concurrent('kill -9 of a sidecar', { timeout: TEST_MILLISECONDS }, () => {
  const startProcess = (at: Scene, controllerURL?: string, caFile?: string) =>
    product.startSidecar({
      namespace: NAMESPACE,
      serviceAccountName: at.pod.serviceAccountName,
      pod: at.pod,
      connectTo: connectTo(),
      trustBundle: upstream.caPem,
      environment: {
        ACTIONGRANT_USE_WAIT_MILLISECONDS: `${USE_WAIT_MILLISECONDS}`,
        ...(controllerURL === undefined ? {} : { ACTIONGRANT_CONTROLLER_URLS: controllerURL }),
        ...(caFile === undefined ? {} : { ACTIONGRANT_CONTROLLER_CA: caFile }),
      },
    });
  const burnt = { phase: 'Finished', outcomes: ['Unknown'], within: BURN_MILLISECONDS } as const;

  test('before it sent anything: burnt without effect, and its successor gets nothing', async () => {
    const at = await scene({ timeoutSeconds: 2 });
    const { link, caFile } = await startLink(steady);
    const held = link.rule({ path: new RegExp(`^${USES_PATH}$`) }, { type: 'HoldAnswer' });
    const sidecar = await startProcess(at, link.url, caFile);
    const cut = expect(call(sidecar, at)).rejects.toThrow();
    await held.hit;
    await sidecar.kill();
    held.release();
    await cut;
    const successor = await startProcess(at);
    expect(await call(successor, at)).toMatchObject({ status: 403, code: 'GrantRequired' });
    await expectEnd(at, { ...burnt, effects: 0 });
    expect(await call(successor, at)).toMatchObject({ status: 403, code: 'GrantRequired' });
    await link.close();
  });

  test('after it sent the call: burnt Unknown after one effect, and its token dies', async () => {
    const at = await scene({ timeoutSeconds: 5 });
    const answer = Promise.withResolvers<void>();
    slow.set(at.path, answer);
    const sidecar = await startProcess(at);
    const cut = expect(call(sidecar, at)).rejects.toThrow();
    await upstream.effect(`POST ${at.path}`);
    await sidecar.kill();
    answer.resolve();
    await cut;
    const successor = await startProcess(at);
    expect(await call(successor, at)).toMatchObject({ status: 403, code: 'GrantRequired' });
    await expectEnd(at, { ...burnt, effects: 1 });
    expect(await call(successor, at)).toMatchObject({ status: 403, code: 'GrantRequired' });
  });
});

/** A link between a sidecar and a replica that can lose messages. */
async function startLink(replica: Replica): Promise<{ link: FaultyServer; caFile: string }> {
  const ca = await readFile(product.exchangeCAFile, 'utf8');
  const link = await startFaultyServer({ target: urlOf(replica), ca });
  const caFile = join(product.directory, `link-${link.port}.crt`);
  await writeFile(caFile, link.caPem);
  return { link, caFile };
}

describe.concurrent('a message that gets lost', { timeout: TEST_MILLISECONDS }, () => {
  const disturb = (match: Parameters<FaultyServer['rule']>[0], type: FaultType): Rule =>
    disturbedApi.rule(match, { type });
  const once = { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 } as const;

  test("the consuming write's answer: read back, and used once", async () => {
    const at = await scene();
    disturb(at.requests.consume, 'DropAnswer');
    await using sidecar = await startSidecar(at, [urlOf(disturbed)]);
    expect((await call(sidecar, at)).status).toBe(200);
    await expectEnd(at, once);
  });

  test('the consuming write itself: refused, and usable by the next call', async () => {
    const at = await scene();
    disturb(at.requests.consume, 'DropRequest');
    await using sidecar = await startSidecar(at, [urlOf(disturbed)]);
    expect(await call(sidecar, at)).toMatchObject({ status: 503, code: 'OutcomeAmbiguous' });
    expect(upstream.count(`POST ${at.path}`)).toBe(0);
    expect((await call(sidecar, at)).status).toBe(200);
    await expectEnd(at, once);
  });

  test('a consuming write that lands after its refusal: burnt without effect', async () => {
    const at = await scene({ timeoutSeconds: 1 });
    const late = disturb(at.requests.consume, 'LateRequest');
    await using sidecar = await startSidecar(at, [urlOf(disturbed)]);
    expect(await call(sidecar, at)).toMatchObject({ status: 503, code: 'OutcomeAmbiguous' });
    // The report that nothing was sent has found no use to end.
    await sidecar.stop();
    late.release();
    expect(await late.answered).toBe(200);
    // It has landed; how long the use stays open is the clock's business.
    expect((await statusOf(at)).uses).toHaveLength(1);
    await expectEnd(at, {
      phase: 'Finished',
      outcomes: ['Unknown'],
      effects: 0,
      within: BURN_MILLISECONDS,
    });
  });

  test("the use's answer to the sidecar: given back, and made with another credential", async () => {
    const at = await scene();
    const { link, caFile } = await startLink(steady);
    link.rule({ path: new RegExp(`^${USES_PATH}$`) }, { type: 'DropAnswer' });
    await using sidecar = await startSidecar(at, [link.url], caFile);
    expect((await call(sidecar, at)).status).toBe(200);
    await expectEnd(at, { ...once, outcomes: ['NotDispatched', 'Succeeded'] });
    await link.close();
  });

  test("the use's request: made with the next try", async () => {
    const at = await scene();
    const { link, caFile } = await startLink(steady);
    link.rule({ path: new RegExp(`^${USES_PATH}$`) }, { type: 'DropRequest' });
    await using sidecar = await startSidecar(at, [link.url], caFile);
    expect((await call(sidecar, at)).status).toBe(200);
    await expectEnd(at, once);
    await link.close();
  });

  test("the report's answer: reported again, recorded once", async () => {
    const at = await scene();
    const { link, caFile } = await startLink(steady);
    const lost = link.rule({ path: /\/finish$/, times: 2 } as const, { type: 'DropAnswer' });
    await using sidecar = await startSidecar(at, [link.url], caFile);
    expect((await call(sidecar, at)).status).toBe(200);
    await sidecar.stop();
    expect(lost.hits).toBe(2);
    await expectEnd(at, once);
    await link.close();
  });

  test("the recording write's answer: recorded once", async () => {
    const at = await scene();
    disturb({ ...at.requests.writeStatus, body: /"phase":"Finished"/ }, 'DropAnswer');
    await using sidecar = await startSidecar(at, [urlOf(disturbed)]);
    expect((await call(sidecar, at)).status).toBe(200);
    await sidecar.stop();
    await expectEnd(at, once);
  });

  test("the answer to the Secret's deletion: revoked again, which finds it gone", async () => {
    const at = await scene();
    disturb(at.requests.deleteSecret, 'DropAnswer');
    await using sidecar = await startSidecar(at, [urlOf(disturbed)]);
    expect((await call(sidecar, at)).status).toBe(200);
    await sidecar.stop();
    await expectEnd(at, once);
  });

  test('the token that was minted: nobody has it, and the next try mints another', async () => {
    const at = await scene();
    disturb(at.requests.mint, 'DropAnswer');
    await using sidecar = await startSidecar(at, [urlOf(disturbed)]);
    expect((await call(sidecar, at)).status).toBe(200);
    await expectEnd(at, once);
  });
});

test('after all that, every token that a service saw is dead', async () => {
  expect(upstream.effects.length).toBeGreaterThan(10);
  await Promise.all(upstream.effects.map(({ token }) => expectDead(token ?? '')));
});

describe('kill -9 of the API server', { timeout: TEST_MILLISECONDS }, () => {
  test('in the middle of a burst of calls: no call has two effects, and every use is closed', async () => {
    const scenes = await Promise.all(Array.from({ length: 8 }, () => scene({ timeoutSeconds: 2 })));
    const sidecars = await Promise.all(
      scenes.map((at) => startSidecar(at, [urlOf(disturbed), urlOf(steady)])),
    );
    // The first has been consumed when the server dies, and its replica cannot learn that any more.
    const [first] = scenes;
    if (first === undefined) throw new Error('there is no scene');
    disturb(first.requests.consume, 'DropAnswer');
    const readBack = disturb(first.requests.readGrant, 'HoldRequest');
    const calls = scenes.map((at, index) =>
      sleep(index * 15).then(() => {
        const sidecar = sidecars[index];
        if (sidecar === undefined) throw new Error('there is no sidecar');
        return call(sidecar, at);
      }),
    );
    await readBack.hit;
    await plane.killApiServer();
    readBack.release();
    await sleep(300);
    await plane.startApiServer();
    const answers = await Promise.all(calls);
    await Promise.all(sidecars.map((sidecar) => sidecar.stop()));

    expect(answers[0]?.status).toBe(503);
    for (const [index, at] of scenes.entries()) {
      const { status } = await untilGrant(
        plane,
        at.grant,
        (grant) => grant.status?.phase === 'Finished' || grant.status?.phase === 'Approved',
        'is still in use',
        BURN_MILLISECONDS,
      );
      const effects = upstream.count(`POST ${at.path}`);
      const last = status?.uses?.at(-1)?.outcome;
      expect(effects, JSON.stringify(status)).toBeLessThanOrEqual(1);
      if (answers[index]?.status === 200) expect(effects).toBe(1);
      if (effects === 1) expect(['Succeeded', 'Failed', 'Unknown']).toContain(last);
      if (last === 'Succeeded') expect(effects).toBe(1);
    }
    await Promise.all(upstream.effects.map(({ token }) => expectDead(token ?? '')));
    // And all is well again.
    const at = await scene();
    await using sidecar = await startSidecar(at, [urlOf(steady)]);
    expect((await call(sidecar, at)).status).toBe(200);
    await expectEnd(at, { phase: 'Finished', outcomes: ['Succeeded'], effects: 1 });
  });

  const disturb = (match: Parameters<FaultyServer['rule']>[0], type: FaultType): Rule =>
    disturbedApi.rule(match, { type });
});
