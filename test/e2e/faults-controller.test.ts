/**
 * The controller's replicas die, and what it and the sidecars are known by is exchanged, while calls are made. Whatever
 * happens: nothing goes out that was not granted, the record says what is known, and the next granted call works.
 */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { issueAuthority } from '../../controller/certificates/authority.ts';
import { SUCCESSOR_TRUST_BEFORE_SIGNING } from '../../controller/certificates/plan.ts';
import { SETTINGS_FILES, SIDECAR_CONFIG_MAP, SIDECAR_PATHS } from '../../core/api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { mintPodToken } from '../support/kubelet.ts';
import { startAdmissionLoad } from '../support/node/admission-load.ts';
import {
  evictReplica,
  killReplica,
  leadingReplica,
  readyReplicas,
  replaceReplica,
  replicaThatLogged,
  signerOf,
  untilEvictable,
  untilTwoReplicas,
} from '../support/node/controller-replicas.ts';
import { FaultScenes, SUCCEEDED } from '../support/node/fault-scenes.ts';
import { RESTARTED } from '../support/node/fault-timing.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { writeProjectedToken } from '../support/node/projected-token.ts';
import { RELEASE_NAMESPACE } from '../support/node/release.ts';
import type { ResidentAgent } from '../support/node/resident-agent.ts';
import { sidecarProcess } from '../support/node/sidecar-container.ts';
import { startUngrantedLoad } from '../support/node/ungranted-load.ts';

const MERGE_PATCH = { contentType: 'application/merge-patch+json' };
/** Made and brought to the sidecars in this time; then the next authority may sign. */
const SIGNS_AFTER_MILLISECONDS = 25_000;
/** Granted calls of each agent while something is rotated. */
const FEWEST_CALLS = 30;

const cluster = new NodeCluster(inject('node'));
let scenes: FaultScenes;
let agent: ResidentAgent;
let agents: ResidentAgent[];

beforeAll(async () => {
  scenes = await FaultScenes.start(cluster, 'edr.faults-controller.example.com');
  agents = await Promise.all(['steady', 'busy', 'brisk'].map((name) => scenes.startAgent(name)));
  [agent] = agents as [ResidentAgent];
});
afterAll(async () => {
  await scenes?.close();
  await cluster.disconnect();
});

const podPath = (name: string): string => `/api/v1/namespaces/${scenes.namespace}/pods/${name}`;

describe('under calls', () => {
  test('kill -9 of the leading replica: the call goes on, and the other replica takes its end and the next calls', async () => {
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    const next = await Promise.all(Array.from({ length: 8 }, () => scenes.scene()));
    const killed = await killReplica(cluster, await leadingReplica(cluster));
    // At once, while the Service still leads to both, and each at its first try.
    for (const { call } of next) {
      expect(await agent.call(call)).toMatchObject({ status: 200 });
    }
    at.release();
    expect(await at.answer).toMatchObject({ status: 200 });
    await Promise.all([at, ...next].map((each) => scenes.expectEnd(each, SUCCEEDED)));
    await scenes.expectToNeedGrant(agent);
    await killed.untilBack();
  });

  test('replicas are drained away one at a time, and admission answers all the while', async () => {
    const [first, second] = await readyReplicas(cluster);
    if (first === undefined || second === undefined) throw new Error('there are not two replicas');
    await untilEvictable(cluster, 1);
    await using admission = startAdmissionLoad(cluster, scenes.namespace);
    expect(await evictReplica(cluster, first)).toBe(201);
    expect(await evictReplica(cluster, second)).toBe(429);
    await untilTwoReplicas(cluster);
    await untilEvictable(cluster, 1);
    await admission.stop();
    expect(admission.refusals).toEqual([]);
    expect(admission.admitted).toBeGreaterThan(0);
    await scenes.expectToWork(agent);
  });

  // Meanwhile the dead leader's lease runs out; until then no new grant is approved.
  test("the controller's CA is rotated under load: sidecars trust the next one before it signs", async () => {
    await using load = startLoad('authority', 400);
    const signsAt = Date.now() + SIGNS_AFTER_MILLISECONDS;
    const next = await addSuccessor(signsAt);
    const signers = await signersOfBoth();
    const [first, second] = await readyReplicas(cluster);
    if (first === undefined || second === undefined) throw new Error('there are not two replicas');
    await replaceReplica(cluster, first);
    await eventually(async () => expect(await publishedAuthorities()).toContain(next), RESTARTED);
    // The kubelet brings it at its next look at the pod, which a change of the pod makes it take.
    const annotations = { 'e2e.actiongrant.dev/look': `${signsAt}` };
    for (const { name } of agents) {
      await cluster.api('PATCH', podPath(name), { metadata: { annotations } }, MERGE_PATCH);
    }
    const mounted = await Promise.all(agents.map(mountedAuthorities));
    const trusted = () => mounted.map((path) => certificatesIn(readFileSync(path, 'utf8')));
    const all = (authorities: string[]) => agents.map(() => expect.arrayContaining(authorities));
    await eventually(() => expect(trusted()).toEqual(all([next])), RESTARTED);
    expect(await signersOfBoth()).not.toContain(next);
    expect(Date.now(), 'there was time to spare').toBeLessThan(signsAt);

    await sleep(signsAt - Date.now());
    // On a busy machine they take longer.
    await load.atLeast(FEWEST_CALLS);
    await replaceReplica(cluster, second);
    await eventually(async () => expect(await signersOfBoth()).toContain(next), RESTARTED);
    await scenes.expectToWork(agent);
    expect(trusted(), 'also who has not changed yet').toEqual(all(signers));
    await load.expectUnharmed();
  });

  test("the sidecars' tokens are rotated under load: each use has the token of that moment", async () => {
    await using load = startLoad('token', 60);
    for (let round = 0; round < 3; round++) {
      await Promise.all(agents.map(rotateToken));
      await load.more(FEWEST_CALLS / 3);
    }
    await load.expectUnharmed();
    await scenes.expectToWork(agent);
    // One that is no good is read at once, too, unless the kubelet has just put its own back.
    const { uid } = (await cluster.api('GET', podPath(agent.name))).metadata;
    await eventually(async () => {
      writeProjectedToken(cluster, uid, `${'x'.repeat(20)}.e30.x`);
      expect(await agent.call(scenes.neverGranted)).toMatchObject({
        status: 401,
        code: 'Unauthenticated',
      });
    });
    const at = await scenes.scene();
    await rotateToken(agent);
    expect(await agent.call(at.call)).toMatchObject({ status: 200 });
    await scenes.expectEnd(at, SUCCEEDED);
  });

  // Last: if it led, too, no new grant is approved until its lease runs out.
  test('kill -9 of the replica that served the use: the call goes on, and the other one records its end', async () => {
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    const next = await scenes.scene();
    const server = await replicaThatLogged(cluster, 'a grant was consumed', at.grant);
    const killed = await killReplica(cluster, server);
    at.release();
    expect(await at.answer).toMatchObject({ status: 200 });
    await scenes.expectEnd(at, SUCCEEDED);
    expect(await replicaThatLogged(cluster, 'a use ended', at.grant)).not.toBe(server);
    expect(await agent.call(next.call)).toMatchObject({ status: 200 });
    await scenes.expectEnd(next, SUCCEEDED);
    await killed.untilBack();
  });
});

test('after all that, nothing went out ungranted, and every token that the service saw is dead', async () => {
  await scenes.expectNothingLeft();
});

interface Load extends AsyncDisposable {
  /** Resolves after so many further granted calls of each agent. */
  more(calls: number): Promise<void>;
  /** Resolves once each agent has made so many granted calls. */
  atLeast(calls: number): Promise<void>;
  /** Ends it. @throws Error if a call was not answered as it must be */
  expectUnharmed(): Promise<void>;
}

/** Granted calls of every agent, with a pause after each, and refused ones of the first, until the end of a test. */
function startLoad(name: string, pauseMilliseconds: number): Load {
  const refused = startUngrantedLoad(agent, scenes.neverGranted);
  const granted = agents.map((each) => ({
    each,
    traffic: scenes.startTraffic(each, name, pauseMilliseconds),
  }));
  const end = () => Promise.all([refused.stop(), ...granted.map(({ traffic }) => traffic.end())]);
  return {
    async more(calls) {
      await Promise.all(granted.map(({ traffic }) => traffic.more(calls)));
    },
    async atLeast(calls) {
      await Promise.all(granted.map(({ traffic }) => traffic.atLeast(calls)));
    },
    async expectUnharmed() {
      await end();
      expect(refused.refusals).toEqual(new Map([['GrantRequired', refused.calls]]));
      for (const { each, traffic } of granted) {
        const { calls, failures, ungranted } = await traffic.end();
        expect({ failures, ungranted }).toEqual({ failures: [], ungranted: [] });
        expect(calls, each.name).toBeGreaterThanOrEqual(FEWEST_CALLS);
        const path = scenes.trafficPath(each, name);
        const made = scenes.upstream.effects.filter((effect) => effect.path.startsWith(path));
        expect(made, 'each was carried out once').toHaveLength(calls);
      }
    },
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

/** Gives an agent's sidecar another token, as the kubelet does. */
async function rotateToken({ namespace, name }: ResidentAgent): Promise<void> {
  const { uid } = (await cluster.api('GET', podPath(name))).metadata;
  const pod = { namespace, serviceAccountName: 'default', podName: name, podUid: uid };
  const { status } = await mintPodToken(cluster, pod);
  writeProjectedToken(cluster, uid, status.token);
}

/** Where the controller's authorities are that an agent's sidecar trusts. */
async function mountedAuthorities(of: ResidentAgent): Promise<string> {
  const { pid } = await sidecarProcess(cluster, of);
  return `/proc/${pid}/root${SIDECAR_PATHS.settings}/${SETTINGS_FILES.controllerCA}`;
}

/** Puts an authority in the Secret as the controller makes it, but one that has been trusted long enough at `signsAt`. */
async function addSuccessor(signsAt: number): Promise<string> {
  const backdate = Date.now() - (await issueAuthority(Date.now())).notBefore;
  const next = await issueAuthority(signsAt - SUCCESSOR_TRUST_BEFORE_SIGNING + backdate);
  const secret = `/api/v1/namespaces/${RELEASE_NAMESPACE}/secrets/actiongrant-ca`;
  const data = {
    'next.crt': Buffer.from(next.pem).toString('base64'),
    'next.key': Buffer.from(next.key.reveal()).toString('base64'),
  };
  await cluster.api('PATCH', secret, { data }, MERGE_PATCH);
  return new X509Certificate(next.pem).fingerprint256;
}

/** The authorities that the sidecars of the test's namespace are told to trust. */
async function publishedAuthorities(): Promise<string[]> {
  const path = `/api/v1/namespaces/${scenes.namespace}/configmaps/${SIDECAR_CONFIG_MAP}`;
  const { data } = await cluster.api<KubeObject & { data: Record<string, string> }>('GET', path);
  return certificatesIn(data[SETTINGS_FILES.controllerCA] ?? '');
}

/** Fingerprints of a bundle's certificates. */
function certificatesIn(bundle: string): string[] {
  const pems = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return pems.map((pem) => new X509Certificate(pem).fingerprint256);
}

/** Whose certificates the replicas serve with. One that was just killed is listed as ready for a moment longer. */
function signersOfBoth(): Promise<string[]> {
  return eventually(async () => {
    const replicas = await readyReplicas(cluster);
    expect(replicas).toHaveLength(2);
    return Promise.all(replicas.map((pod) => signerOf(cluster, pod)));
  }, RESTARTED);
}
