import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { untilSettled } from '../support/node/until-settled.ts';
import { startNodeUpstream } from '../support/node/upstreams.ts';

const cluster = new NodeCluster(inject('node'));
let namespace: string;

beforeAll(async () => {
  namespace = await cluster.createNamespace('smoke');
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'plain', namespace },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'agent',
          image: cluster.agentImage,
          imagePullPolicy: 'Never',
          command: ['sleep', 'infinity'],
        },
      ],
    },
  });
  await cluster.untilPodReady(namespace, 'plain');
});

afterAll(async () => {
  await cluster.api('DELETE', `/api/v1/namespaces/${namespace}`);
  await cluster.disconnect();
});

it('a pod without a label reaches the API server by its name, with its own token', async () => {
  const { code, stdout, stderr } = await cluster.exec(namespace, 'plain', [
    ...['kubectl', 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'],
  ]);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `system:serviceaccount:${namespace}:default`,
    stderr: '',
  });
});

it('a pod reaches a test service by its name, and CoreDNS tells that it asked', async () => {
  const upstream = await startNodeUpstream(cluster, {
    names: ['smoke.example.com'],
    review: false,
  });
  try {
    const mark = cluster.dnsMark();
    await cluster.exec(namespace, 'plain', ['sh', '-c', 'cat >/tmp/ca.crt'], {
      input: cluster.upstreamAuthority.certificate,
    });
    const { stdout, stderr } = await cluster.exec(namespace, 'plain', [
      ...['curl', '-sS', '--cacert', '/tmp/ca.crt', '-H', 'Authorization: Bearer x'],
      'https://smoke.example.com/v1/things',
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: '{"done":true}', stderr: '' });
    expect(upstream.count('GET /v1/things')).toBe(1);
    const asked = () => cluster.dnsQuestions(mark).map(({ name }) => name);
    // It logs a question once it has answered it.
    await eventually(() => expect(asked()).toContain('smoke.example.com'));
    expect(asked()).not.toContain('other.example.com');
  } finally {
    await upstream.close();
  }
});

it('the API server comes back after a restart, everything follows it, and the pod is still there', async () => {
  await cluster.restartApiServer();
  await untilSettled(cluster);
  const { stdout } = await cluster.exec(namespace, 'plain', ['echo', 'here']);
  expect(stdout).toBe('here\n');
});

it('a killed container is started again', async () => {
  const before = await cluster.containerProcess(namespace, 'plain', 'agent');
  await cluster.killContainer(namespace, 'plain', 'agent');
  await expect
    .poll(() => cluster.containerProcess(namespace, 'plain', 'agent').catch(() => before), {
      timeout: 60_000,
    })
    .not.toEqual(before);
});
