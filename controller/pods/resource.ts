/** Pods, as the API server has them. */

import type { KubernetesObject, Resource } from '../../core/kubernetes/object.ts';
import type { PodSpec } from './pod.ts';

/** A Pod, reduced to what tells who the caller is, and whether it is alive. */
export interface Pod extends KubernetesObject {
  spec?: PodSpec;
  status?: { phase?: string };
}

/** Whether the pod with this UID runs no more; `pod` is what has its name now. */
export function podHasEnded(
  pod: Pick<Pod, 'metadata' | 'status'> | undefined,
  uid: string,
): boolean {
  return (
    pod?.metadata?.uid !== uid ||
    pod.status?.phase === 'Succeeded' ||
    pod.status?.phase === 'Failed'
  );
}

export const pods: Resource<Pod> = {
  group: '',
  version: 'v1',
  resource: 'pods',
  kind: 'Pod',
  namespaced: true,
};
