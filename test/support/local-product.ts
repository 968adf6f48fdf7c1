/**
 * Controller replicas and sidecars inside the test's own process, from the sources: each replica behind a faulty API server
 * of its own. For tests that must stop one step of one replica at an exact point; where processes must die, see product.ts.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Controller, startController } from '../../controller/controller.ts';
import { createKubernetesClient } from '../../controller/kubernetes/client.ts';
import { systemClock } from '../../process/clock.ts';
import type { Logger } from '../../process/log.ts';
import { type Sidecar, startSidecar } from '../../sidecar/sidecar.ts';
import type { KubeObject } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';
import { type FaultyServer, faultyKubeconfig, startFaultyApiServer } from './faulty-api-server.ts';
import type { PodToken } from './kubelet.ts';

const NAMESPACE = 'actiongrant-system';
const READY_MILLISECONDS = 30_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface LocalReplica {
  /** Port of the exchange. */
  readonly port: number;
  readonly api: FaultyServer;
}

export interface LocalSidecarOptions {
  pod: PodToken;
  /** Ports of the exchange, in the order in which they are tried. */
  exchangePorts: readonly number[];
  /** `host:port` → `127.0.0.1:port`. */
  connectTo: ReadonlyMap<string, string>;
  /** PEM of the upstreams' CA. */
  trustBundle: string;
}

export interface LocalSidecar {
  readonly proxyURL: string;
  /** PEM file of the pod CA. */
  readonly caFile: string;
  stop(): Promise<void>;
}

export interface LocalProduct extends AsyncDisposable {
  readonly replicas: readonly LocalReplica[];
  /** As `Exchange` takes it; the balancer is the first replica. */
  readonly exchangeCAFile: string;
  readonly balancer: { readonly port: number };
  startSidecar(options: LocalSidecarOptions): Promise<LocalSidecar>;
}

/** Needs the CRDs and the agents' namespaces. Runs with the admin's rights and without admission. */
export async function startLocalProduct(
  plane: ControlPlane,
  options: { replicas: number; agentNamespaces: readonly string[] },
): Promise<LocalProduct> {
  const { replicas: count, agentNamespaces } = options;
  const directory = await mkdtemp(join(tmpdir(), 'actiongrant-local-'));
  await plane.api('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  const started: { controller: Controller; api: FaultyServer }[] = [];
  const sidecars: Sidecar[] = [];
  const stop = async (): Promise<void> => {
    // What is held would hold up reports, and with them the sidecars.
    for (const { api } of started) api.clear();
    await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    await Promise.all(started.map(({ controller }) => controller.stop()));
    await Promise.all(started.map(({ api }) => api.close()));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (let index = 0; index < count; index++) {
      started.push(await startReplica(plane, `local-${index}`, agentNamespaces));
    }
    await untilReady(started.map(({ controller }) => controller));
  } catch (error) {
    await stop();
    throw error;
  }
  const exchangeCAFile = join(directory, 'exchange-ca.crt');
  await writeFile(exchangeCAFile, await publishedBundle(plane));
  const replicas = started.map(({ controller, api }) => ({ port: controller.address.port, api }));
  return {
    replicas,
    exchangeCAFile,
    balancer: { port: replicas[0]?.port ?? 0 },
    async startSidecar(how) {
      const prefix = join(directory, `sidecar-${sidecars.length}`);
      const { sidecar, caFile } = await startLocalSidecar(plane, prefix, exchangeCAFile, how);
      sidecars.push(sidecar);
      const { port } = sidecar.address;
      return { proxyURL: `http://127.0.0.1:${port}`, caFile, stop: () => sidecar.stop() };
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function startReplica(
  plane: ControlPlane,
  identity: string,
  agentNamespaces: readonly string[],
): Promise<{ controller: Controller; api: FaultyServer }> {
  const api = await startFaultyApiServer(plane);
  const kubernetes = { type: 'Kubeconfig', path: faultyKubeconfig(plane, api) } as const;
  const client = await createKubernetesClient({
    server: kubernetes,
    userAgent: `actiongrant-test/${identity}`,
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  const anyPort = { host: '127.0.0.1', port: 0 };
  const controller = await startController({
    config: {
      listen: anyPort,
      operationsListen: anyPort,
      namespace: NAMESPACE,
      identity,
      agentNamespaces: [...agentNamespaces],
      kubernetes,
      servingNames: ['127.0.0.1'],
      apiServerHosts: [],
      apiServerAudiences: [],
      podRatePerSecond: 1_000,
      logLevel: 'error',
    },
    client,
    clock: systemClock,
    log: silent,
    version: 'test',
  });
  return { controller, api };
}

async function startLocalSidecar(
  plane: ControlPlane,
  prefix: string,
  exchangeCAFile: string,
  { pod, exchangePorts, connectTo, trustBundle }: LocalSidecarOptions,
): Promise<{ sidecar: Sidecar; caFile: string }> {
  const tokenFile = `${prefix}-token`;
  const caFile = `${prefix}-pod-ca.crt`;
  await writeFile(tokenFile, pod.token, { mode: 0o600 });
  const anyPort = { host: '127.0.0.1', port: 0 };
  const server = new URL(plane.url).host;
  const sidecar = await startSidecar({
    config: {
      listen: anyPort,
      operationsListen: anyPort,
      controllerURLs: exchangePorts.map((port) => `https://127.0.0.1:${port}`),
      controllerCAFile: exchangeCAFile,
      tokenFile,
      agent: { namespace: pod.namespace, serviceAccountName: pod.serviceAccountName },
      kubernetes: { authorities: [server], server, ca: plane.caPem },
      trustBundle,
      connectTo,
      inertHeaders: [],
      caOutputFile: caFile,
      useWaitMilliseconds: 5_000,
      logLevel: 'error',
    },
    clock: systemClock,
    log: silent,
    version: 'test',
  });
  return { sidecar, caFile };
}

async function untilReady(controllers: readonly Controller[]): Promise<void> {
  const deadline = Date.now() + READY_MILLISECONDS;
  for (;;) {
    const missing = controllers.flatMap((controller) => controller.notReady());
    if (missing.length === 0) return;
    if (Date.now() > deadline) throw new Error(`not ready: ${missing.join(', ')}`);
    await sleep(20);
  }
}

async function publishedBundle(plane: ControlPlane): Promise<string> {
  const { data } = await plane.api<KubeObject & { data: Record<string, string> }>(
    'GET',
    `/api/v1/namespaces/${NAMESPACE}/configmaps/actiongrant-ca`,
  );
  return data['ca.crt'] ?? '';
}
