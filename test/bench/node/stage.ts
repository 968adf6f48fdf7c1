/** What the benchmarks on a real node share: the release, an injected namespace and a plain one, and a service. */

import { INJECTION_LABEL } from '../../../core/api/pod-layout.ts';
import type { KubernetesClient } from '../../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../../core/kubernetes/create-client.ts';
import { systemClock } from '../../../core/time/clock.ts';
import type { KubeObject } from '../../support/api-client.ts';
import { createServiceAccount } from '../../support/grants.ts';
import type { NodeCluster } from '../../support/node/node-cluster.ts';
import { RELEASE_NAMESPACE, releaseValues, upgrade } from '../../support/node/release.ts';
import { startNodeUpstream } from '../../support/node/upstreams.ts';
import { SERVICE } from '../../support/scene.ts';
import type { Upstream } from '../../support/upstream.ts';
import { AGENT, CREDENTIAL_ACCOUNT } from '../usable-grants.ts';

/** Of the node's agents: injected. */
export const INJECTED = 'bench-agents';
/** Without injection, for what is compared. */
export const PLAIN = 'bench-plain';

export interface BenchStage extends AsyncDisposable {
  readonly cluster: NodeCluster;
  /** Takes every request for authenticated: what a service does with a token is not ours to measure. */
  readonly upstream: Upstream;
  /** The controller's own client with the controller's own rights. */
  readonly client: KubernetesClient;
}

export async function startStage(cluster: NodeCluster): Promise<BenchStage> {
  await using stack = new AsyncDisposableStack();
  const labels = { [INJECTION_LABEL.name]: INJECTION_LABEL.value };
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: INJECTED, labels } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PLAIN } },
  );
  await upgrade(cluster, releaseValues(cluster, [INJECTED]));
  for (const account of [AGENT, CREDENTIAL_ACCOUNT]) {
    await createServiceAccount(cluster, INJECTED, account);
  }
  const upstream = await startNodeUpstream(cluster, {
    names: [new URL(SERVICE).host],
    review: false,
  });
  stack.defer(() => upstream.close());
  const { status } = await cluster.api<KubeObject & { status: { token: string } }>(
    'POST',
    `/api/v1/namespaces/${RELEASE_NAMESPACE}/serviceaccounts/actiongrant-controller/token`,
    { spec: { expirationSeconds: 7200 } },
  );
  const client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: await cluster.kubeconfigForToken(status.token) },
    userAgent: 'actiongrant-bench',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  stack.defer(() => client.close());
  const started = stack.move();
  return { cluster, upstream, client, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** A pod of one container that does nothing of itself. */
export function idlePod(
  name: string,
  namespace: string,
  image: string,
  command: readonly string[] = ['sleep', 'infinity'],
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      ...(namespace === INJECTED ? { serviceAccountName: AGENT } : {}),
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'agent', image, imagePullPolicy: 'Never', command }],
    },
  };
}
