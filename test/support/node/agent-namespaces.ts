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
const CLAIMED_BY = 'e2e.actiongrant.dev/claimed-by';
/** When it was given back, in milliseconds since the epoch; what is in it may not be gone yet. */
const RELEASED_AT = 'e2e.actiongrant.dev/released-at';
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
  /** Deletes what is in it, without waiting for that, and gives it back. */
  release(): Promise<void>;
}

interface Namespace extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** Takes one of the shared release's agent namespaces, which is empty then. @throws Error if all are taken */
export async function useAgentNamespace(cluster: NodeCluster): Promise<AgentNamespace> {
  await createAgentNamespaces(cluster);
  for (const { metadata } of await freeNamespaces(cluster)) {
    const { name, resourceVersion, annotations = {} } = metadata;
    // Compare and swap: the resourceVersion decides between two that want it.
    const claim = { [CLAIMED_BY]: `${process.pid}` };
    if (!(await annotate(cluster, name, claim, resourceVersion))) continue;
    const wasUsed = CLAIMED_BY in annotations || RELEASED_AT in annotations;
    if (wasUsed) await empty(cluster, name);
    return {
      name,
      async release() {
        await deleteContent(cluster, name, '--wait=false');
        await annotate(cluster, name, { [CLAIMED_BY]: null, [RELEASED_AT]: `${Date.now()}` });
      },
    };
  }
  throw new Error('every agent namespace is taken');
}

/** Those that nobody has: first those never used, then those given back longest ago, where little is left to wait for. */
async function freeNamespaces(cluster: NodeCluster): Promise<Namespace[]> {
  const all = await Promise.all(
    AGENT_NAMESPACES.map((name) => cluster.api<Namespace>('GET', `/api/v1/namespaces/${name}`)),
  );
  const releasedAt = ({ metadata }: Namespace) => Number(metadata.annotations?.[RELEASED_AT] ?? 0);
  return all.filter(isFree).sort((a, b) => releasedAt(a) - releasedAt(b));
}

function isFree({ metadata }: Namespace): boolean {
  const owner = metadata.annotations?.[CLAIMED_BY];
  // Its owner may have been killed.
  return owner === undefined || !existsSync(`/proc/${owner}`);
}

async function annotate(
  cluster: NodeCluster,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
  resourceVersion?: string,
): Promise<boolean> {
  const { status } = await cluster.request(
    'PATCH',
    `/api/v1/namespaces/${name}`,
    { metadata: { annotations, ...(resourceVersion && { resourceVersion }) } },
    { contentType: 'application/merge-patch+json' },
  );
  return status === 200;
}

async function empty(cluster: NodeCluster, name: string): Promise<void> {
  await deleteContent(cluster, name, '--wait=true');
  const served = await cluster.request('GET', '/apis/actiongrant.dev/v1alpha1');
  // kubectl deletes one after the other, and there may be hundreds.
  if (served.status === 200) await cluster.api('DELETE', grantsPath(name));
}

async function deleteContent(cluster: NodeCluster, name: string, waiting: string): Promise<void> {
  const { code, stderr } = await cluster.kubectl(
    ['delete', LEFT_BEHIND, '--all', `--namespace=${name}`, '--grace-period=1', waiting],
    { timeoutMilliseconds: 120_000 },
  );
  if (code !== 0) throw new Error(`${name} could not be emptied: ${stderr}`);
}
