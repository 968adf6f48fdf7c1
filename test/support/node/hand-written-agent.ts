/** An agent beside a sidecar that somebody wrote by hand, as the example of a release has it: no injection. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../api-client.ts';
import { runningAgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';
import { RELEASE_NAMESPACE } from './release.ts';
import { RESIDENT_AGENT, type ResidentAgent, residentIn } from './resident-agent.ts';

/** ServiceAccount of the example's pod. */
export const HAND_WRITTEN_ACCOUNT = 'shop-agent';
const CONTROLLER_CA = '/etc/actiongrant/controller';

interface Container {
  readonly env: readonly object[];
}

interface Example extends KubeObject {
  readonly spec: { readonly initContainers: [Container]; readonly containers: [Container] };
}

/**
 * Starts what docs/examples/explicit-proxy-pod.yaml of a release describes. Of its own it has the images, the agent's program,
 * and that the sidecar trusts the tests' servers.
 *
 * @param release folder of the release's sources
 */
export async function startHandWrittenAgent(
  cluster: NodeCluster,
  namespace: string,
  release: string,
  image: string,
): Promise<ResidentAgent> {
  const file = readFileSync(join(release, 'docs/examples/explicit-proxy-pod.yaml'), 'utf8');
  const [account, pod] = parseAllDocuments(file).map((document) => document.toJS()) as [
    KubeObject,
    Example,
  ];
  const [sidecar] = pod.spec.initContainers;
  const [agent] = pod.spec.containers;
  const authority = await cluster.api<KubeObject & { data: Record<string, string> }>(
    'GET',
    `/api/v1/namespaces/${RELEASE_NAMESPACE}/configmaps/actiongrant-ca`,
  );
  const trust = { name: 'ACTIONGRANT_TRUST_BUNDLE', value: `${CONTROLLER_CA}/trust.crt` };
  await cluster.apply(
    { ...account, metadata: { ...account.metadata, namespace } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'actiongrant-ca', namespace },
      data: { ...authority.data, 'trust.crt': cluster.upstreamAuthority.certificate },
    },
    {
      ...pod,
      metadata: { ...pod.metadata, namespace },
      spec: {
        ...pod.spec,
        terminationGracePeriodSeconds: 1,
        initContainers: [
          { ...sidecar, image, imagePullPolicy: 'Never', env: [...sidecar.env, trust] },
        ],
        containers: [
          { ...agent, image: cluster.agentImage, imagePullPolicy: 'Never', ...RESIDENT_AGENT },
        ],
      },
    },
  );
  return residentIn(await runningAgentPod(cluster, namespace, pod.metadata.name));
}
