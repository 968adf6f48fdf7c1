/** The kinds that the transaction reads and writes besides the built-in ones of `kubernetes/resources.ts`. */

import type { ActionGrant } from '../../api/generated/actiongrant.ts';
import { API_GROUP, API_VERSION } from '../../api/names.ts';
import type { PodSpec } from '../injection/pod.ts';
import type { KubernetesObject, Live, Resource } from '../kubernetes/object.ts';

export type LiveGrant = Live<ActionGrant>;

export const actionGrants: Resource<ActionGrant> = {
  group: API_GROUP,
  version: API_VERSION,
  resource: 'actiongrants',
  kind: 'ActionGrant',
  namespaced: true,
};

/** A Pod, reduced to what tells who the caller is, and whether it is alive. */
export interface Pod extends KubernetesObject {
  spec?: PodSpec;
  status?: { phase?: string };
}

/** Whether the pod with this UID runs no more; `pod` is what has its name now. */
export function hasEnded(pod: Pick<Pod, 'metadata' | 'status'> | undefined, uid: string): boolean {
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
