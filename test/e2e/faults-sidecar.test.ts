/**
 * The sidecar or its pod dies while a call is under way. Whatever happens: nothing goes out that was not granted, the record
 * says what is known, its credential is dead, and the next granted call works.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SIDECAR_CONTAINER_NAME, SIDECAR_PATHS } from '../../core/api/pod-layout.ts';
import { eventually } from '../support/eventually.ts';
import { readGrant } from '../support/grants.ts';
import { askExchange, controllerAddress } from '../support/node/controller-replicas.ts';
import { FaultScenes, SUCCEEDED, UNKNOWN } from '../support/node/fault-scenes.ts';
import { RESTARTED } from '../support/node/fault-timing.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { foundAgain } from '../support/node/resident-agent.ts';
import { leaveNoMemory, occupyPorts, setPorts } from '../support/node/scarce-resources.ts';
import {
  killSidecar,
  sidecarProcess,
  sidecarRestarted,
  sidecarStatus,
} from '../support/node/sidecar-container.ts';

const HOST = 'edr.faults-sidecar.example.com';

const cluster = new NodeCluster(inject('node'));
let scenes: FaultScenes;

beforeAll(async () => {
  scenes = await FaultScenes.start(cluster, HOST);
});
afterAll(async () => {
  await scenes?.close();
  await cluster.disconnect();
});

const podPath = (name: string): string => `/api/v1/namespaces/${scenes.namespace}/pods/${name}`;

describe.concurrent('in one pod', () => {
  test('kill -9 of the sidecar: burnt, closed while it is dead, and trusted by the same client afterwards', async () => {
    const agent = await scenes.startAgent('killed');
    const at = await scenes.underWay(agent, { timeoutSeconds: 15 });
    await killSidecar(cluster, agent);
    expect(await at.answer).toHaveProperty('failure');
    at.release();
    await sidecarRestarted(cluster, agent, 1);
    await scenes.expectToWork(agent);

    // The second time the kubelet pauses before it starts it again.
    const granted = await scenes.scene();
    await killSidecar(cluster, agent);
    await eventually(
      async () => expect(await sidecarStatus(cluster, agent)).toMatchObject({ ready: false }),
      RESTARTED,
    );
    expect(await agent.call(granted.call), 'by its name').toHaveProperty('failure');
    const url = `https://${scenes.upstream.address}/v1/never-granted`;
    expect(await agent.call({ method: 'POST', url }), 'by its address').toHaveProperty('failure');
    const { stdout } = await agent.run([
      ...['sh', '-c'],
      // All at once: the pause is short.
      `{ nc -z -w 1 ${scenes.upstream.address} 443; echo tcp $?; } &
       { dig +tries=1 +time=1 @10.96.0.10 ${HOST} >/dev/null; echo dns $?; } &
       { nc -z -w 1 10.96.0.1 443; echo api $?; } &
       { ping -c 1 -W 1 ${scenes.upstream.address} >/dev/null 2>&1; echo icmp $?; } &
       wait`,
    ]);
    expect(stdout.split('\n').sort().join('\n')).toMatch(
      /^\napi 1\ndns [1-9]\d*\nicmp [1-9]\d*\ntcp 1$/,
    );
    const { restartCount } = await sidecarStatus(cluster, agent);
    expect(restartCount, 'it was dead all the time').toBe(1);
    scenes.expectEffects(granted, 0);

    await sidecarRestarted(cluster, agent, 2);
    expect(await agent.call(granted.call)).toMatchObject({ status: 200 });
    await scenes.expectEnd(granted, SUCCEEDED);
    await scenes.expectToNeedGrant(agent);
    await scenes.expectEnd(at, UNKNOWN);
  });

  test('the kernel kills the sidecar for its memory: burnt, and it starts again', async () => {
    const agent = await scenes.startAgent('oom');
    const at = await scenes.underWay(agent, { timeoutSeconds: 15 });
    leaveNoMemory((await sidecarProcess(cluster, agent)).pid);
    // Bodies that nobody granted, which are kept until they are compared.
    const body = 'x'.repeat(1_000_000);
    const flood = Array.from({ length: 32 }, () => agent.call({ ...scenes.neverGranted, body }));
    expect(await at.answer).toHaveProperty('failure');
    at.release();
    await Promise.all(flood);
    const { lastState } = await sidecarRestarted(cluster, agent, 1);
    expect(lastState.terminated?.reason).toBe('OOMKilled');
    await scenes.expectToWork(agent);
    await scenes.expectEnd(at, UNKNOWN);
  });

  test('the pod CA is replaced: trusted by who reads its file again, not by who read it once until that starts again', async () => {
    const agent = await scenes.startAgent('distrustful');
    const { pid } = await sidecarProcess(cluster, agent);
    // Only the sidecar mounts it: a fault of the memory, not an attack.
    writeFileSync(`/proc/${pid}/root${SIDECAR_PATHS.state}/pod-ca.pem`, 'damaged');
    await killSidecar(cluster, agent);
    await sidecarRestarted(cluster, agent, 1);
    const { stdout: log } = await cluster.kubectl([
      ...['logs', `--namespace=${scenes.namespace}`, agent.name],
      `--container=${SIDECAR_CONTAINER_NAME}`,
    ]);
    expect(log).toContain('the pod CA was replaced');

    const granted = await scenes.scene();
    const { url, body } = granted.call;
    expect(await agent.call(granted.call)).toMatchObject({
      failure: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/),
    });
    scenes.expectEffects(granted, 0);
    expect((await readGrant(cluster, granted.grant)).status?.uses ?? []).toEqual([]);

    const { stdout } = await agent.run([
      ...['curl', '-s', '-o/dev/null', '-w%{http_code}', '-m20', url],
      ...['-H', 'content-type: application/json', '-d', JSON.stringify(body)],
    ]);
    expect(stdout).toBe('200');
    await scenes.expectEnd(granted, SUCCEEDED);

    await cluster.killContainer(scenes.namespace, agent.name, 'agent');
    await eventually(
      async () => scenes.expectToNeedGrant(await foundAgain(cluster, agent)),
      RESTARTED,
    );
    await scenes.expectToWork(agent);
  });

  test('no port is left for connections: refused, nothing used or given back, and works later', async () => {
    const agent = await scenes.startAgent('ports');
    const { pid } = await sidecarProcess(cluster, agent);
    const at = await scenes.scene();
    const { address } = scenes.upstream;
    await occupyPorts(pid, '61000 61003', [await controllerAddress(cluster), address]);

    const noController = await agent.call(at.call);
    expect(noController).toMatchObject({ status: 503, code: 'ControllerUnavailable' });
    const { status } = await readGrant(cluster, at.grant);
    expect(status).toMatchObject({ phase: 'Approved' });
    expect(status?.uses ?? []).toEqual([]);

    await occupyPorts(pid, '62000 62003', [address]);
    expect(await agent.call(at.call)).toMatchObject({
      status: 502,
      code: 'UpstreamUnreachable',
      text: expect.stringContaining('EADDRNOTAVAIL'),
    });
    await scenes.expectEnd(at, { phase: 'Approved', outcomes: ['NotDispatched'], effects: 0 });

    await setPorts(pid, '32768 60999');
    expect(await agent.call(at.call)).toMatchObject({ status: 200 });
    await scenes.expectEnd(at, { outcomes: ['NotDispatched', 'Succeeded'], effects: 1 });
    await scenes.expectToNeedGrant(agent);
  });

  test('the pod is deleted: its last call is made, the one under way is burnt, and nothing is stuck', async () => {
    const last = await scenes.scene();
    const agent = await scenes.startAgent('deleted', last.call);
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    await cluster.api('DELETE', podPath('deleted'), { gracePeriodSeconds: 20 });
    await expect(at.answer).rejects.toThrow();
    await scenes.expectEnd(last, SUCCEEDED);
    // By its sidecar, which outlives the agent: long before the deadline.
    await scenes.expectEnd(at, UNKNOWN);
    // Not before: an answer that the sidecar still sees is an outcome.
    at.release();
    await eventually(async () => {
      expect((await cluster.request('GET', podPath('deleted'))).status).toBe(404);
    }, RESTARTED);
    await scenes.expectToWork(await scenes.startAgent('deleted'));
  });

  test("the pod is gone at once: burnt before the deadline, and its name's next pod does not inherit its token", async () => {
    const agent = await scenes.startAgent('forced');
    const at = await scenes.underWay(agent, { timeoutSeconds: 60 });
    const { pid } = await sidecarProcess(cluster, agent);
    const token = readFileSync(`/proc/${pid}/root${SIDECAR_PATHS.token}/token`, 'utf8');
    const { url } = scenes.neverGranted;
    expect(await askExchange(cluster, token, url)).toMatchObject({ code: 'GrantRequired' });
    await cluster.api('DELETE', podPath('forced'), { gracePeriodSeconds: 0 });
    const refused = { status: 403, code: 'PodUnknown' };
    // Once the replicas' watches of pods have it.
    await eventually(
      async () => expect(await askExchange(cluster, token, url)).toMatchObject(refused),
      RESTARTED,
    );
    await scenes.expectEnd(at, UNKNOWN);
    await expect(at.answer).rejects.toThrow();
    at.release();
    await scenes.expectToWork(await scenes.startAgent('forced'));
    expect(await askExchange(cluster, token, url)).toMatchObject(refused);
  });

  test('everything of the pod is started anew, as after a reboot: burnt, and closed as before', async () => {
    const agent = await scenes.startAgent('rebooted');
    const at = await scenes.underWay(agent, { timeoutSeconds: 10 });
    await cluster.killSandbox(scenes.namespace, 'rebooted');
    await expect(at.answer).rejects.toThrow();
    const again = await eventually(async () => {
      const found = await foundAgain(cluster, agent);
      await scenes.expectToNeedGrant(found);
      return found;
    }, RESTARTED);
    expect(again.addresses).not.toEqual(agent.addresses);
    await scenes.expectToWork(again);
    // The packet filter is that of a new network namespace.
    const { stdout } = await again.run([
      ...['sh', '-c'],
      `ping -c 1 -W 1 ${scenes.upstream.address} >/dev/null 2>&1; echo $?`,
    ]);
    expect(stdout).toMatch(/^[1-9]\d*\n$/);
    await scenes.expectEnd(at, UNKNOWN);
    // Not before, as above: the old sidecar may outlive its agent for a moment.
    at.release();
  });
});

test('after all that, nothing went out ungranted, and every token that the service saw is dead', async () => {
  await scenes.expectNothingLeft();
});
