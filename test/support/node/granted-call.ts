import type { ActionGrant } from '../../../core/api/generated/actiongrant.ts';
import { aNewGrant, withoutCredential } from '../builders.ts';
import { grantsPath, untilPhase } from '../grants.ts';
import type { AgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';

/** A usable grant of one GET without a credential, for pods of the default ServiceAccount. */
export async function grantGet(
  cluster: NodeCluster,
  namespace: string,
  url: string,
): Promise<ActionGrant> {
  const { metadata: _, ...manifest } = aNewGrant({
    spec: {
      agent: { serviceAccountName: 'default' },
      action: { type: 'HTTP', http: { method: 'GET', url } },
      approvedByRequester: true,
    },
  });
  const grant = await cluster.api<ActionGrant>('POST', grantsPath(namespace), {
    ...manifest,
    metadata: { generateName: 'granted-' },
    spec: withoutCredential(manifest.spec),
  });
  return untilPhase(cluster, grant, 'Approved');
}

/** One call by curl. @returns the status; 000: none came @throws Error if nothing could be run */
export async function get({ run }: AgentPod, url: string): Promise<string> {
  const { stdout } = await run(['curl', '-s', '-m8', '-o/dev/null', '-w%{http_code}', url]);
  return stdout;
}
