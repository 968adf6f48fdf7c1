/** The sidecar of one pod, as the kubelet and the node see it. */

import { SIDECAR_CONTAINER_NAME } from '../../../core/api/pod-layout.ts';
import type { KubeObject } from '../api-client.ts';
import { eventually } from '../eventually.ts';
import { RESTARTED } from './fault-timing.ts';
import type { ContainerProcess, NodeCluster } from './node-cluster.ts';

/** Its entry in the pod's status. */
export interface SidecarStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly started: boolean;
  readonly ready: boolean;
  readonly lastState: { readonly terminated?: { readonly reason: string } };
}

interface Pod extends KubeObject {
  readonly status: { readonly initContainerStatuses: readonly SidecarStatus[] };
}

/** Which pod's. */
interface Of {
  readonly namespace: string;
  readonly name: string;
}

export async function sidecarStatus(cluster: NodeCluster, pod: Of): Promise<SidecarStatus> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
  const { status } = await cluster.api<Pod>('GET', path);
  const found = status.initContainerStatuses.find(({ name }) => name === SIDECAR_CONTAINER_NAME);
  if (found === undefined) throw new Error(`${pod.name} has no sidecar`);
  return found;
}

/** Its status once it has been started again this often, and serves. */
export function sidecarRestarted(
  cluster: NodeCluster,
  pod: Of,
  times: number,
): Promise<SidecarStatus> {
  return eventually(async () => {
    const sidecar = await sidecarStatus(cluster, pod);
    if (sidecar.restartCount === times && sidecar.started && sidecar.ready) return sidecar;
    throw new Error(`not started again ${times} times: ${JSON.stringify(sidecar)}`);
  }, RESTARTED);
}

export function sidecarProcess(
  cluster: NodeCluster,
  { namespace, name }: Of,
): Promise<ContainerProcess> {
  return cluster.containerProcess(namespace, name, SIDECAR_CONTAINER_NAME);
}

export function killSidecar(cluster: NodeCluster, { namespace, name }: Of): Promise<void> {
  return cluster.killContainer(namespace, name, SIDECAR_CONTAINER_NAME);
}
