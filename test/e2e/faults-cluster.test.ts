/**
 * The cluster's own servers go away while a call is under way. Whatever happens: nothing goes out that was not granted, the
 * record says what is known, and the next granted call works.
 */

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { untilGrant } from '../support/grants.ts';
import { type FaultScene, FaultScenes, SUCCEEDED } from '../support/node/fault-scenes.ts';
import { RESTARTED } from '../support/node/fault-timing.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import type { ResidentAgent } from '../support/node/resident-agent.ts';
import { untilSettled } from '../support/node/until-settled.ts';

const cluster = new NodeCluster(inject('node'));
let scenes: FaultScenes;
let agent: ResidentAgent;

beforeAll(async () => {
  scenes = await FaultScenes.start(cluster, 'edr.faults-cluster.example.com');
  agent = await scenes.startAgent('steady');
});
afterAll(async () => {
  await scenes?.close();
  await untilSettled(cluster);
  await cluster.disconnect();
});

describe('under calls', () => {
  test('the API server is away: what is under way goes on and is recorded, nothing else starts', async () => {
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    const granted = await scenes.scene();
    await cluster.hold('kube-apiserver');
    try {
      expect(await agent.call(granted.call)).toMatchObject({ status: 503 });
      at.release();
      expect(await at.answer).toMatchObject({ status: 200 });
      scenes.expectEffects(granted, 0);
    } finally {
      await cluster.release('kube-apiserver');
    }
    await untilServed();
    await scenes.expectEnd(at, { ...SUCCEEDED, withinMilliseconds: 30_000 });
    await untilGranted(granted);
    await scenes.expectEnd(granted, SUCCEEDED);
    await scenes.expectToWork(agent);
  });

  test('etcd is away: nothing starts, and the grant is neither lost nor used twice', async () => {
    const granted = await scenes.scene({ timeoutSeconds: 2 });
    await cluster.hold('etcd');
    try {
      expect(await agent.call(granted.call)).toMatchObject({ status: 503 });
      scenes.expectEffects(granted, 0);
    } finally {
      await cluster.release('etcd');
    }
    await untilServed();
    await untilGranted(await scenes.scene());
    await scenes.expectToWork(agent);
    // The consuming write may have landed without anybody learning of it; then it was given back, or is burnt.
    const { status } = await untilGrant(
      cluster,
      granted.grant,
      ({ status }) => status?.phase === 'Approved' || status?.phase === 'Finished',
      'is still in use',
      20_000,
    );
    scenes.expectEffects(granted, 0, JSON.stringify(status));
  });

  test('the kubelet and containerd are restarted: the call goes on', async () => {
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    await Promise.all([cluster.restart('kubelet'), cluster.restart('containerd')]);
    await scenes.expectToWork(agent);
    at.release();
    expect(await at.answer).toMatchObject({ status: 200 });
    await scenes.expectEnd(at, SUCCEEDED);
  });
});

test('after all that, nothing went out ungranted, and every token that the service saw is dead', async () => {
  await scenes.expectNothingLeft();
});

async function untilServed(): Promise<void> {
  await eventually(() => cluster.api('GET', '/readyz'), RESTARTED);
}

/** The controller needs the API server to be found again: until then every refusal says that trying again helps. */
function untilGranted(at: FaultScene): Promise<void> {
  return eventually(async () => {
    const answer = await agent.call(at.call);
    if ('status' in answer && answer.status === 200) return;
    scenes.expectEffects(at, 0, JSON.stringify(answer));
    expect(answer).toMatchObject({ status: 503 });
    throw new Error(JSON.stringify(answer));
  }, RESTARTED);
}
