/**
 * The cluster's own servers go away while a call is under way. Whatever happens: nothing goes out that was not granted, the
 * record says what is known, and the next granted call works.
 */

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { aNewGrant } from '../support/builders.ts';
import { eventually } from '../support/eventually.ts';
import { grantsPath, untilGrant } from '../support/grants.ts';
import { controllerAddress } from '../support/node/controller-replicas.ts';
import { type FaultScene, FaultScenes, SUCCEEDED } from '../support/node/fault-scenes.ts';
import { RESTARTED } from '../support/node/fault-timing.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { connectFromOwnPorts } from '../support/node/own-ports.ts';
import type { ResidentAgent } from '../support/node/resident-agent.ts';
import { cutNodeConnections, takeNodePorts } from '../support/node/scarce-resources.ts';
import { untilSettled } from '../support/node/until-settled.ts';

const cluster = new NodeCluster(inject('node'), connectFromOwnPorts);
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

  test('the node has no port to connect from: what needs one is refused with the reason, what has its connections works', async () => {
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    const granted = await scenes.scene();
    const controller = await controllerAddress(cluster);
    {
      await using _ports = await takeNodePorts();
      await cutNodeConnections(controller);
      const namespace = `/api/v1/namespaces/${scenes.namespace}`;
      const noPort = (status: number) => ({
        status,
        body: { message: expect.stringContaining('cannot assign requested address') },
      });
      // From the API server to the webhooks, and to the kubelet.
      const pod = {
        metadata: { name: 'refused' },
        spec: { containers: [{ name: 'a', image: 'b' }] },
      };
      expect(await cluster.request('POST', `${namespace}/pods`, pod)).toMatchObject(noPort(500));
      const grant = aNewGrant({ metadata: { name: 'refused' } });
      expect(await cluster.request('POST', grantsPath(scenes.namespace), grant)).toMatchObject(
        noPort(500),
      );
      const logs = `${namespace}/pods/${agent.name}/log`;
      expect(await cluster.request('GET', logs)).toMatchObject(noPort(500));

      await scenes.expectToNeedGrant(agent);
      // Pods have ports of their own, and the API server is connected to etcd.
      expect(await agent.call(granted.call)).toMatchObject({ status: 200 });
      at.release();
      expect(await at.answer).toMatchObject({ status: 200 });
      await Promise.all([at, granted].map((each) => scenes.expectEnd(each, SUCCEEDED)));
    }
    await scenes.expectToWork(agent);
    await scenes.expectToWork(await scenes.startAgent('later'));
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
