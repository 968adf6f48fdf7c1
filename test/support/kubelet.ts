import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXCHANGE_AUDIENCE } from '../../core/api/names.ts';
import { SIDECAR_CONTAINER_NAME } from '../../core/api/pod-layout.ts';
import { ApiError, type KubeObject } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';

const NODE_VIEW_MILLISECONDS = 30_000;

/** A pod on a node, and the token the kubelet would have projected into it. */
export interface PodToken {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly serviceAccountName: string;
  readonly nodeName: string;
  readonly token: string;
  readonly expirationTime: string;
}

export interface PodTokenOptions {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly podName?: string;
  readonly nodeName?: string;
  readonly audience?: string;
  readonly expirationSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

interface TokenRequest extends KubeObject {
  status: { token: string; expirationTimestamp: string };
}

/** Kubeconfig of a kubelet: what the Node authorizer and NodeRestriction know as a node. */
export function nodeKubeconfig(plane: ControlPlane, nodeName = 'node-1'): Promise<string> {
  return plane.kubeconfigFor({ user: `system:node:${nodeName}`, groups: ['system:nodes'] });
}

/**
 * Plays the kubelet: a pod of this ServiceAccount, bound to a node, and a token bound to that pod
 * that is minted with the node's own identity, as for a projected volume.
 */
export async function issuePodToken(
  plane: ControlPlane,
  options: PodTokenOptions,
): Promise<PodToken> {
  const {
    namespace,
    serviceAccountName,
    podName = `agent-${randomBytes(4).toString('hex')}`,
    nodeName = 'node-1',
    audience = EXCHANGE_AUDIENCE,
    labels = {},
  } = options;
  await ensure(plane, '/api/v1/nodes', { metadata: { name: nodeName } });
  await ensure(plane, `/api/v1/namespaces/${namespace}/serviceaccounts`, {
    metadata: { name: serviceAccountName },
  });
  const pod = await plane.api('POST', `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name: podName, labels },
    spec: { ...podSpec(audience), serviceAccountName, nodeName },
  });
  const minted = await mintPodToken(plane, { ...options, podName, podUid: pod.metadata.uid });
  return {
    namespace,
    podName,
    podUid: pod.metadata.uid,
    serviceAccountName,
    nodeName,
    token: minted.status.token,
    expirationTime: minted.status.expirationTimestamp,
  };
}

/** A further token for a pod that runs, as when the kubelet rotates a projected one. */
export async function mintPodToken(
  plane: ControlPlane,
  pod: PodTokenOptions & { readonly podName: string; readonly podUid: string },
): Promise<TokenRequest> {
  const { namespace, serviceAccountName, podName, podUid } = pod;
  const as = await nodeKubeconfig(plane, pod.nodeName);
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccountName}/token`;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: [pod.audience ?? EXCHANGE_AUDIENCE],
      expirationSeconds: pod.expirationSeconds ?? 3600,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: podName, uid: podUid },
    },
  };
  const deadline = Date.now() + NODE_VIEW_MILLISECONDS;
  for (;;) {
    const response = await plane.request<TokenRequest>('POST', path, body, { as });
    if (response.status === 201) return response.body;
    // The Node authorizer (403) and NodeRestriction (404) learn of a new pod from watches of their own: until then the
    // node may not mint.
    const early = response.status === 403 || response.status === 404;
    if (!early || Date.now() > deadline) {
      throw new ApiError(`POST ${path}`, response);
    }
    await sleep(20);
  }
}

/** Deletes a pod at once, as `kubectl delete pod --force`: there is no kubelet to confirm it. */
export async function deletePod(plane: ControlPlane, namespace: string, name: string) {
  await plane.api('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
    gracePeriodSeconds: 0,
  });
}

/** NodeRestriction lets a node mint only for audiences that a volume of the pod names. */
function podSpec(audience: string) {
  const serviceAccountToken = { audience, path: 'token', expirationSeconds: 3600 };
  return {
    automountServiceAccountToken: false,
    containers: [{ name: 'agent', image: 'agent.invalid/agent:test' }],
    volumes: [{ name: 'exchange-token', projected: { sources: [{ serviceAccountToken }] } }],
  };
}

/** Creates an object unless it is there already. */
async function ensure(plane: ControlPlane, path: string, object: object): Promise<void> {
  const response = await plane.request('POST', path, object);
  if (response.status !== 201 && response.status !== 409) {
    throw new ApiError(`POST ${path}`, response);
  }
}

/** Plays the kubelet: reports that a pod's sidecar has started. */
export async function reportSidecar(
  plane: ControlPlane,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<void> {
  const status = { ready: true, restartCount: 0, image: '', imageID: '', started: true };
  await plane.api(
    'PATCH',
    `/api/v1/namespaces/${namespace}/pods/${name}/status`,
    { status: { initContainerStatuses: [{ name: SIDECAR_CONTAINER_NAME, ...status }] } },
    { contentType: 'application/merge-patch+json' },
  );
}
