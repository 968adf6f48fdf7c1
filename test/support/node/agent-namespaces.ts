import { existsSync } from 'node:fs';
import { INJECTION_LABEL } from '../../../core/api/pod-layout.ts';
import type { KubeObject } from '../api-client.ts';
import { grantsPath } from '../grants.ts';
import type { NodeCluster } from './node-cluster.ts';

/** Namespaces that the shared release lists in `rbac.agentNamespaces`, labelled for injection. */
export const AGENT_NAMESPACES: readonly string[] = Array.from(
  { length: 16 },
  (_, index) => `agents-${index + 1}`,
);
const LABELS = { [INJECTION_LABEL.name]: INJECTION_LABEL.value };
/** Pid of the test process that has it. */
const CLAIM = 'e2e.actiongrant.dev/claimed-by';
/** What a test file leaves in its namespace. */
const LEFT_BEHIND =
  'deployments,replicasets,statefulsets,daemonsets,cronjobs,jobs,pods,services,persistentvolumeclaims';

/** Creates those that are not there. */
export async function createAgentNamespaces(cluster: NodeCluster): Promise<void> {
  for (const name of AGENT_NAMESPACES) {
    const { status, body } = await cluster.request('POST', '/api/v1/namespaces', {
      metadata: { name, labels: LABELS },
    });
    if (status !== 201 && status !== 409) throw new Error(`${name}: ${JSON.stringify(body)}`);
  }
}

/** An agent namespace that no other test file uses until it is released. */
export interface AgentNamespace {
  readonly name: string;
  /** Empties it and gives it back. */
  release(): Promise<void>;
}

/** Takes one of the shared release's agent namespaces. @throws Error if all are taken */
export async function useAgentNamespace(cluster: NodeCluster): Promise<AgentNamespace> {
  await createAgentNamespaces(cluster);
  for (const name of AGENT_NAMESPACES) {
    if (await claim(cluster, name)) {
      await empty(cluster, name);
      return {
        name,
        async release() {
          await empty(cluster, name);
          await annotate(cluster, name, null);
        },
      };
    }
  }
  throw new Error('every agent namespace is taken');
}

/** Compare and swap: the resourceVersion decides between two that want it. */
async function claim(cluster: NodeCluster, name: string): Promise<boolean> {
  const path = `/api/v1/namespaces/${name}`;
  const { metadata } = await cluster.api<
    KubeObject & { metadata: { annotations?: Record<string, string> } }
  >('GET', path);
  const owner = metadata.annotations?.[CLAIM];
  // Its owner may have been killed.
  if (owner !== undefined && existsSync(`/proc/${owner}`)) return false;
  return annotate(cluster, name, `${process.pid}`, metadata.resourceVersion);
}

async function annotate(
  cluster: NodeCluster,
  name: string,
  owner: string | null,
  resourceVersion?: string,
): Promise<boolean> {
  const metadata = { annotations: { [CLAIM]: owner }, ...(resourceVersion && { resourceVersion }) };
  const { status } = await cluster.request(
    'PATCH',
    `/api/v1/namespaces/${name}`,
    { metadata },
    { contentType: 'application/merge-patch+json' },
  );
  return status === 200;
}

async function empty(cluster: NodeCluster, name: string): Promise<void> {
  const { code, stderr } = await cluster.kubectl(
    ['delete', LEFT_BEHIND, '--all', `--namespace=${name}`, '--grace-period=1', '--wait=true'],
    { timeoutMilliseconds: 120_000 },
  );
  if (code !== 0) throw new Error(`${name} could not be emptied: ${stderr}`);
  const served = await cluster.request('GET', '/apis/actiongrant.dev/v1alpha1');
  // kubectl deletes one after the other, and there may be hundreds.
  if (served.status === 200) await cluster.api('DELETE', grantsPath(name));
}
