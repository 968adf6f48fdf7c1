import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { ensureInstalled } from '../support/node/release.ts';

interface Pod extends KubeObject {
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
}

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;

beforeAll(async () => {
  await ensureInstalled(cluster);
  agents = await useAgentNamespace(cluster);
});

afterAll(async () => {
  await agents?.release();
  await cluster.disconnect();
});

it('after helm install, an ordinary pod in a labelled namespace starts with the sidecar', async () => {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'ordinary', namespace: agents.name },
    spec: {
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
  await cluster.untilPodReady(agents.name, 'ordinary');
  const pod = await cluster.api<Pod>('GET', `/api/v1/namespaces/${agents.name}/pods/ordinary`);
  const names = pod.spec.initContainers?.map(({ name }) => name);
  expect(names).toEqual([INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME]);
});
