/** Pods, as the API server has them. */

import type { Resource } from '../../core/kubernetes/object.ts';
import type { Pod } from './pod.ts';

export const pods: Resource<Pod> = {
  group: '',
  version: 'v1',
  resource: 'pods',
  kind: 'Pod',
  namespaced: true,
};

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
