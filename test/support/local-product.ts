/**
 * Controller replicas inside the test's own process, from the sources, each behind a faulty API server of its own. For tests that must stop one step of one replica at an exact point; where processes must die, see product.ts.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Controller, startController } from '../../controller/controller.ts';
import { INJECTION_LABEL } from '../../core/api/pod-layout.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import type { KubeObject } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';
import { type FaultyServer, faultyKubeconfig, startFaultyApiServer } from './faulty-api-server.ts';

const NAMESPACE = 'actiongrant-system';
const READY_MILLISECONDS = 60_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface LocalReplica {
  /** Port of the exchange. */
  readonly port: number;
  readonly api: FaultyServer;
}

export interface LocalProduct extends AsyncDisposable {
  readonly replicas: readonly LocalReplica[];
  /** As `Exchange` takes it; the balancer is the first replica. */
  readonly exchangeCAFile: string;
  readonly balancer: { readonly port: number };
}

/** Needs the CRDs and the agents' namespaces. Runs with the admin's rights and without admission. */
export async function startLocalProduct(
  plane: ControlPlane,
  options: { replicas: number; agentNamespaces: readonly string[] },
): Promise<LocalProduct> {
  const { replicas: wanted, agentNamespaces } = options;
  const directory = await mkdtemp(join(tmpdir(), 'actiongrant-local-'));
  await plane.api('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  const started: { controller: Controller; api: FaultyServer }[] = [];
  const stop = async (): Promise<void> => {
    // What is held would hold up the end of its request.
    for (const { api } of started) api.clear();
    await Promise.all(started.map(({ controller }) => controller.stop()));
    await Promise.all(started.map(({ api }) => api.close()));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (let index = 0; index < wanted; index++) {
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
      releaseName: 'actiongrant',
      identity,
      agentNamespaces: [...agentNamespaces],
      kubernetes,
      servingNames: ['127.0.0.1'],
      apiServerHosts: [],
      apiServerAudiences: [],
      podRatePerSecond: 1_000,
      maxPendingPerAgent: 20,
      maxFinishedPerNamespace: 10_000,
      injectionSelector: { matchLabels: { [INJECTION_LABEL.name]: INJECTION_LABEL.value } },
      logLevel: 'error',
    },
    client,
    clock: systemClock,
    log: silent,
    version: 'test',
  });
  return { controller, api };
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
