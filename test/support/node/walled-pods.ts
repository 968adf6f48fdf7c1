/** The same container in two pods: where ActionGrant holds, and where nothing does. What fails in both proves nothing. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { restricted } from '../../../controller/injection/restrict.ts';
import { type AgentPod, runningAgentPod } from './agent-pod.ts';
import type { Place } from './attempts.ts';
import type { NodeCluster } from './node-cluster.ts';

/** The strongest container that admission lets in: everything is chosen that may be. */
export const STRONGEST = 'strongest';
const STRONGEST_UID = 4242;

const NEIGHBOUR = readFileSync(join(import.meta.dirname, 'neighbour.py'), 'utf8');
const SLEEP = ['sleep', 'infinity'];

/** Starts a pod with a container `agent`, and resolves once it is Ready. @throws Error if it does not start */
export async function startPod(
  cluster: NodeCluster,
  namespace: string,
  name: string,
  spec: object = {},
): Promise<AgentPod> {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [waitingContainer(cluster, 'agent')],
      ...spec,
    },
  });
  return runningAgentPod(cluster, namespace, name);
}

/** Spec of a pod with the container `agent` as it is by default, and another that is as strong as admission allows. */
export function strongestSpec(cluster: NodeCluster): object {
  return {
    hostname: 'localhost',
    hostAliases: [{ ip: '127.0.0.1', hostnames: ['strong.walking.example.com'] }],
    securityContext: { fsGroup: 0, supplementalGroups: [0, 4, 27] },
    containers: [
      waitingContainer(cluster, 'agent'),
      {
        ...waitingContainer(cluster, STRONGEST),
        securityContext: {
          runAsUser: STRONGEST_UID,
          runAsGroup: 0,
          readOnlyRootFilesystem: false,
          capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
        },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'data', mountPath: '/run/actiongrant', subPath: 'run' },
          { name: 'data', mountPath: '/etc/actiongrant', subPath: 'etc' },
          { name: 'memory', mountPath: '/memory' },
        ],
      },
    ],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
    ],
  };
}

/** Spec of a pod that is not injected, whose container `agent` is as confined as that of an injected pod is by default. */
export function confinedSpec(cluster: NodeCluster): { containers: readonly object[] } {
  return { containers: [restricted(waitingContainer(cluster, 'agent'), {})] };
}

/**
 * Spec of a pod whose container `agent` sees and may trace its neighbour, which has about it what an agent would look for in
 * a sidecar: a proof that looks find what is there.
 */
export function unwalledSpec(cluster: NodeCluster): object {
  const neighbour = waitingContainer(cluster, 'neighbour');
  return {
    shareProcessNamespace: true,
    containers: [
      {
        ...waitingContainer(cluster, 'agent'),
        securityContext: { capabilities: { add: ['SYS_PTRACE'] } },
      },
      { ...neighbour, command: ['python3', '-c', NEIGHBOUR, 'dist/sidecar/main.js'] },
    ],
  };
}

/** A container of a pod, for attempts. */
export function place({ namespace, name }: AgentPod, container = 'agent'): Place {
  return { namespace, pod: name, container };
}

function waitingContainer(cluster: NodeCluster, name: string) {
  return { name, image: cluster.agentImage, imagePullPolicy: 'Never', command: SLEEP };
}
