/** The controller's replicas, as its Deployment, its Service and its certificates show them. */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { Agent, request } from 'undici';
import { expect } from 'vitest';
import type { ActionGrant } from '../../../core/api/generated/actiongrant.ts';
import { USES_PATH } from '../../../core/wire/paths.ts';
import type { KubeObject } from '../api-client.ts';
import { eventually } from '../eventually.ts';
import { RESTARTED } from './fault-timing.ts';
import type { NodeCluster } from './node-cluster.ts';
import { RELEASE_NAMESPACE } from './release.ts';

const SERVICE_NAME = 'actiongrant-controller';
const SERVER_NAME = `${SERVICE_NAME}.${RELEASE_NAMESPACE}.svc`;
const EXCHANGE_PORT = 8443;

/** A replica's pod. */
export interface ReplicaPod extends KubeObject {
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[];
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
    }[];
  };
}

/** Replicas that are ready and stay. */
export async function readyReplicas(cluster: NodeCluster): Promise<ReplicaPod[]> {
  return (await controllerPods(cluster)).filter(
    ({ metadata, status }) =>
      metadata['deletionTimestamp'] === undefined && status.containerStatuses?.[0]?.ready === true,
  );
}

async function controllerPods(cluster: NodeCluster): Promise<ReplicaPod[]> {
  const selector = encodeURIComponent('app.kubernetes.io/component=controller');
  const path = `/api/v1/namespaces/${RELEASE_NAMESPACE}/pods?labelSelector=${selector}`;
  const { items } = await cluster.api<KubeObject & { items: ReplicaPod[] }>('GET', path);
  return items;
}

/**
 * kill -9 of a replica. Resolves once it is dead, with what waits until it is back: it is listed as ready for a moment longer,
 * and the Service leads to it.
 */
export async function killReplica(
  cluster: NodeCluster,
  name: string,
): Promise<{ untilBack(): Promise<void> }> {
  const restarts = async (): Promise<number | undefined> =>
    (await readyReplicas(cluster)).find(({ metadata }) => metadata.name === name)?.status
      .containerStatuses?.[0]?.restartCount;
  const before = (await restarts()) ?? Number.NaN;
  await cluster.killContainer(RELEASE_NAMESPACE, name, 'controller');
  return {
    untilBack: () => eventually(async () => expect(await restarts()).toBe(before + 1), RESTARTED),
  };
}

export async function untilTwoReplicas(cluster: NodeCluster): Promise<void> {
  await eventually(async () => expect(await readyReplicas(cluster)).toHaveLength(2), RESTARTED);
}

/** Deletes a replica, as a node that is drained does; resolves once the Deployment has made another. */
export async function replaceReplica(cluster: NodeCluster, pod: ReplicaPod): Promise<void> {
  const { name } = pod.metadata;
  await cluster.api('DELETE', `/api/v1/namespaces/${RELEASE_NAMESPACE}/pods/${name}`);
  await untilTwoReplicas(cluster);
}

/** Asks for a replica to be evicted, as a drain of its node does. @returns the status of the answer */
export async function evictReplica(
  cluster: NodeCluster,
  { metadata }: ReplicaPod,
): Promise<number> {
  const { name } = metadata;
  const path = `/api/v1/namespaces/${RELEASE_NAMESPACE}/pods/${name}/eviction`;
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
  return (await cluster.request('POST', path, eviction)).status;
}

/** Resolves once the disruption budget has found that so many replicas may be evicted. */
export async function untilEvictable(cluster: NodeCluster, replicas: number): Promise<void> {
  const path = `/apis/policy/v1/namespaces/${RELEASE_NAMESPACE}/poddisruptionbudgets/${SERVICE_NAME}`;
  await eventually(async () => {
    const { status } = await cluster.api<KubeObject & { status: { disruptionsAllowed: number } }>(
      'GET',
      path,
    );
    expect(status.disruptionsAllowed).toBe(replicas);
  }, RESTARTED);
}

/** Name of the pod that leads. */
export async function leadingReplica(cluster: NodeCluster): Promise<string> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${RELEASE_NAMESPACE}/leases/${SERVICE_NAME}`;
  const lease = await cluster.api<KubeObject & { spec: { holderIdentity: string } }>('GET', path);
  return lease.spec.holderIdentity.split('_')[0] ?? '';
}

/** Name of the replica whose container has logged this of a grant, since it started. @throws Error if none does */
export function replicaThatLogged(
  cluster: NodeCluster,
  message: string,
  { metadata: { uid } }: ActionGrant,
): Promise<string> {
  const has = (line: string) => line.includes(`"${message}"`) && line.includes(`"${uid}"`);
  return eventually(async () => {
    for (const { metadata } of await controllerPods(cluster)) {
      const log = ['logs', `--namespace=${RELEASE_NAMESPACE}`, metadata.name];
      const { stdout } = await cluster.kubectl(log);
      if (stdout.split('\n').some(has)) return metadata.name;
    }
    throw new Error(`no replica has logged "${message}" of ${uid}`);
  });
}

/** Address of the controller's Service. */
export async function controllerAddress(cluster: NodeCluster): Promise<string> {
  const path = `/api/v1/namespaces/${RELEASE_NAMESPACE}/services/${SERVICE_NAME}`;
  const { spec } = await cluster.api<KubeObject & { spec: { clusterIP: string } }>('GET', path);
  return spec.clusterIP;
}

/** What verifies the controller, as it says itself. */
export async function controllerBundle(cluster: NodeCluster): Promise<string> {
  const path = `/api/v1/namespaces/${RELEASE_NAMESPACE}/configmaps/actiongrant-ca`;
  const { data } = await cluster.api<KubeObject & { data: Record<string, string> }>('GET', path);
  return data['ca.crt'] ?? '';
}

/** Fingerprint of the authority that signed what a replica serves with. */
export async function signerOf(cluster: NodeCluster, { status }: ReplicaPod): Promise<string> {
  const [address] = status.podIPs;
  const socket = connect({
    host: address?.ip ?? '',
    port: EXCHANGE_PORT,
    servername: SERVER_NAME,
    ca: await controllerBundle(cluster),
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate(true).issuerCertificate.fingerprint256;
  } finally {
    socket.destroy();
  }
}

/** What the exchange says to the holder of this token, who would GET this URL. */
export async function askExchange(
  cluster: NodeCluster,
  token: string,
  url: string,
): Promise<{ status: number; code?: string }> {
  const address = await controllerAddress(cluster);
  const dispatcher = new Agent({
    connect: { ca: await controllerBundle(cluster), servername: SERVER_NAME },
  });
  try {
    const response = await request(`https://${address}${USES_PATH}`, {
      dispatcher,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        nonce: randomUUID(),
        waitMilliseconds: 5_000,
        action: { type: 'HTTP', method: 'GET', url, headers: {}, body: { kind: 'none' } },
      }),
    });
    return { status: response.statusCode, ...((await response.body.json()) as { code?: string }) };
  } finally {
    await dispatcher.destroy();
  }
}
