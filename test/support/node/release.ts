/** The product on the node: the chart, installed by the real helm as an administrator does, once for all test files. */

import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../../scripts/lock.ts';
import { ROOT } from '../../../scripts/tools.ts';
import type { KubeObject } from '../api-client.ts';
import { helm } from '../chart.ts';
import { AGENT_NAMESPACES, createAgentNamespaces } from './agent-namespaces.ts';
import type { NodeCluster } from './node-cluster.ts';

export const RELEASE = 'actiongrant';
export const RELEASE_NAMESPACE = 'actiongrant-system';
export const CHART = join(ROOT, 'charts/actiongrant');
const INSTALL_SECONDS = 120;
/** Where a cluster remembers what is installed. */
const RECORD = '/api/v1/namespaces/kube-system/configmaps/e2e-release';

/** Values of a release on the node: the product's own image, and trust in tests' servers. Spread them into a test's own. */
export function releaseValues(cluster: NodeCluster, agentNamespaces = AGENT_NAMESPACES) {
  return {
    controller: { image: cluster.productImage, imagePullPolicy: 'Never' },
    rbac: { agentNamespaces },
    sidecar: { trustBundle: cluster.upstreamAuthority.certificate },
  };
}

/**
 * Makes sure that the chart as it is now is installed with these values and that its controller is ready; quick when it
 * is. The release is the cluster's only one: a test that wants other values puts the shared ones back.
 *
 * @throws Error with what helm says
 */
export async function ensureInstalled(
  cluster: NodeCluster,
  values: object = releaseValues(cluster),
): Promise<void> {
  if (cluster.productImage === '') throw new Error('this run has no product image (--no-product)');
  // Test files that run at the same time want the same release: one of them installs it.
  await withLock(join(cluster.directory, 'release.lock'), () => install(cluster, values));
}

async function install(cluster: NodeCluster, values: object): Promise<void> {
  await createAgentNamespaces(cluster);
  const wanted = digest(values);
  const record = await cluster.request<KubeObject & { data: { digest: string } }>('GET', RECORD);
  if (record.status === 200 && record.body.data.digest === wanted) return;
  await upgrade(cluster, values);
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'e2e-release', namespace: 'kube-system' },
    data: { digest: wanted },
  });
}

/**
 * `helm upgrade --install` of the chart, and `helm test`, as its notes tell: when it resolves, webhooks and exchange are
 * reached. @throws Error with what helm says, and the pods' state
 */
export async function upgrade(cluster: NodeCluster, values: object): Promise<void> {
  const flags = ['--install', '--create-namespace', '--wait', '--values=-'];
  await helmOnNode(cluster, ['upgrade', RELEASE, CHART, ...flags], values);
  await helmOnNode(cluster, ['test', RELEASE]);
}

/**
 * Runs a command of helm that changes the node's release, or tests it. Whatever comes of it, the release is no longer the one that was recorded.
 *
 * @param values for `--values=-`
 * @returns what helm prints
 * @throws Error with what helm says, and the pods' state
 */
export async function helmOnNode(
  cluster: NodeCluster,
  args: readonly string[],
  values: object = {},
): Promise<string> {
  await cluster.request('DELETE', RECORD);
  const flags = [
    `--kubeconfig=${cluster.adminKubeconfig}`,
    `--namespace=${RELEASE_NAMESPACE}`,
    `--timeout=${INSTALL_SECONDS}s`,
  ];
  try {
    return await helm([...args, ...flags], JSON.stringify(values));
  } catch (cause) {
    const { stdout } = await cluster.kubectl(['describe', 'pods', '-n', RELEASE_NAMESPACE]);
    throw new Error(`${cause instanceof Error ? cause.message : cause}\n${stdout}`, { cause });
  }
}

function digest(values: object): string {
  const hash = createHash('sha256').update(JSON.stringify(values));
  for (const path of globSync('**/*', { cwd: CHART }).sort()) {
    const file = join(CHART, path);
    if (statSync(file).isFile()) hash.update(path).update(readFileSync(file));
  }
  return hash.digest('hex');
}
