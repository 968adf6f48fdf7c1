/** What cannot be an agent pod is refused in words that help, wherever its author looks; and a dry run tells beforehand. */

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  AGENT_DIRECTORY,
  INIT_CONTAINER_NAME,
  SIDECAR_CONTAINER_NAME,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import { createWorkloads, type Workloads } from '../support/node/injection-workloads.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { ensureInstalled } from '../support/node/release.ts';

interface Pod extends KubeObject {
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string }[];
    readonly containers: readonly object[];
  };
}
interface List<T> {
  readonly items: readonly T[];
}

const SLOWLY = { withinMilliseconds: 20_000, everyMilliseconds: 100 };
/** Nothing here calls anybody. */
const url = (path: string) => `https://injection.example.com/${path}`;

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let workloads: Workloads;
/** With the label, and not listed. */
let stray: string;

beforeAll(async () => {
  await ensureInstalled(cluster);
  [agents, stray] = await Promise.all([
    useAgentNamespace(cluster),
    cluster.createNamespace('stray', { 'actiongrant.dev/inject': 'enabled' }),
  ]);
  workloads = createWorkloads(cluster, agents.name, url);
  await cluster.apply(workloads.deployment('unfit', { ...workloads.server(), hostNetwork: true }));
});

afterAll(async () => {
  await agents?.release();
  if (stray !== undefined) await cluster.api('DELETE', `/api/v1/namespaces/${stray}`);
  await cluster.disconnect();
});

const podsPath = (name: string) => `/api/v1/namespaces/${agents.name}/pods/${name}`;

function apply(object: object, ...flags: string[]) {
  return cluster.kubectl(['apply', ...flags, '--filename=-'], { input: JSON.stringify(object) });
}

describe('what cannot be an agent pod is refused with the reason', () => {
  const container = (rest: object) => ({
    containers: [workloads.container('agent', 'true', rest)],
  });
  const running = (securityContext: object) => container({ securityContext });
  const UNFIT: Readonly<Record<string, [spec: () => object, reason: string]>> = {
    hostNetwork: [
      () => ({ ...container({}), hostNetwork: true }),
      "spec.hostNetwork must not be true: nothing is intercepted on the node's own network",
    ],
    privileged: [
      () => running({ privileged: true }),
      'spec.containers[0].securityContext.privileged must be false',
    ],
    root: [
      () => running({ runAsUser: 0 }),
      `spec.containers[0].securityContext.runAsUser must be a user other than root and ${SIDECAR_UID}`,
    ],
    "the sidecar's user": [
      () => running({ runAsUser: SIDECAR_UID }),
      'spec.containers[0].securityContext.runAsUser must be a user other than root',
    ],
    hostPath: [
      () => ({ ...container({}), volumes: [{ name: 'node', hostPath: { path: '/' } }] }),
      'spec.volumes[0].hostPath is not a volume that agents may have',
    ],
    'a mount at our directory': [
      () => ({
        ...container({ volumeMounts: [{ name: 'mine', mountPath: AGENT_DIRECTORY }] }),
        volumes: [{ name: 'mine', emptyDir: {} }],
      }),
      `spec.containers[0].volumeMounts[0].mountPath must not be in ${AGENT_DIRECTORY}`,
    ],
  };

  it.each(Object.entries(UNFIT))('%s', async (_name, [spec, reason]) => {
    const { code, stderr } = await apply(workloads.pod('unfit', spec()));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(reason) });
    expect(stderr).toContain('inject-pod.actiongrant.dev');
    expect((await cluster.request('GET', podsPath('unfit'))).status).toBe(404);
  });

  it('but without that it is admitted', async () => {
    const { code, stderr } = await apply(workloads.pod('unfit', container({})), '--dry-run=server');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it("of a Deployment, in its ReplicaSet's events", async () => {
    const path = `/api/v1/namespaces/${agents.name}/events`;
    const selector = 'involvedObject.kind=ReplicaSet,reason=FailedCreate';
    const messages = await eventually(async () => {
      const { items } = await cluster.api<List<KubeObject & { message: string }>>(
        'GET',
        `${path}?fieldSelector=${encodeURIComponent(selector)}`,
      );
      expect(items).not.toEqual([]);
      return items.map(({ message }) => message);
    }, SLOWLY);
    expect(messages).toContainEqual(
      expect.stringContaining('spec.hostNetwork must not be true: nothing is intercepted'),
    );
  });

  it('in a namespace that is labelled and not listed, with the command that lists it', async () => {
    const { code, stderr } = await eventually(async () => {
      const result = await apply(createWorkloads(cluster, stray, url).plain('lost'));
      expect(result.stderr).not.toContain('serviceaccount "default" not found');
      return result;
    }, SLOWLY);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('rbac.agentNamespaces'),
    });
    expect(stderr).toMatch(
      new RegExp(`helm upgrade actiongrant \\S+ --namespace actiongrant-system .*[{,]${stray}}`),
    );
  });
});

describe('a dry run', () => {
  it('shows a pod as it would be, and leaves nothing', async () => {
    const { stdout, stderr } = await apply(
      workloads.pod('rehearsed', workloads.server()),
      ...['--dry-run=server', '--output=json'],
    );
    const { spec } = JSON.parse(stdout || '{}') as Pod;
    expect(
      spec?.initContainers?.map(({ name }) => name),
      stderr,
    ).toEqual([INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME]);
    expect((await cluster.request('GET', podsPath('rehearsed'))).status).toBe(404);
  });

  it('of a Deployment is admitted, and its template stays as it was written', async () => {
    const written = workloads.deployment('rehearsed', workloads.server());
    const { stdout, stderr } = await apply(written, '--dry-run=server', '--output=json');
    const { template } = JSON.parse(stdout || '{}').spec as { template: Pod };
    expect(template.spec.initContainers, stderr).toBeUndefined();
    expect(template.spec.containers).toMatchObject(written.spec.template.spec.containers);
  });
});
