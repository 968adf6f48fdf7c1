/** One controller replica: the list of its parts, and the order in which they start and stop. */

import { randomBytes } from 'node:crypto';
import type { KubernetesClient } from '../core/kubernetes/client.ts';
import { readOwnToken } from '../core/kubernetes/server.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Logger } from '../process/log.ts';
import type { Registry } from '../process/metrics.ts';
import { controllerNames, createCertificateManager } from './certificates/manager.ts';
import { createClusterKeys } from './cluster-keys.ts';
import type { ControllerConfig } from './config.ts';
import { createApiAudiences } from './credentials/api-audiences.ts';
import { createServerCount } from './credentials/api-servers.ts';
import { createConfirmer } from './credentials/confirm.ts';
import { grantGauges } from './record/gauges.ts';
import { registerGauges } from './record/metrics.ts';
import { createAdmission } from './wiring/admission.ts';
import { createWatchingCaches } from './wiring/caches.ts';
import { createExchange } from './wiring/exchange.ts';
import { createGrantQueue } from './wiring/grant-queue.ts';
import { createInjection } from './wiring/injection.ts';
import { createLeading } from './wiring/leading.ts';
import { createRecording } from './wiring/recording.ts';
import { createServing, untilDone } from './wiring/serving.ts';

export interface ControllerDependencies {
  config: ControllerConfig;
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  version: string;
}

export interface Controller {
  /** `host:port` of exchange and admission. */
  readonly address: { host: string; port: number };
  readonly operationsAddress: { host: string; port: number };
  readonly registry: Registry;
  notReady(): string[];
  /** In this order: no new work, let the work in flight end, give up the lease. */
  stop(): Promise<void>;
}

/** Starts serving at once; the exchange answers NotReady until the caches have synced. */
export async function startController(dependencies: ControllerDependencies): Promise<Controller> {
  const { config, client, clock, log, version } = dependencies;
  const { agentNamespaces, identity, maxFinishedPerNamespace, namespace, sidecar } = config;
  const common = { client, clock, log };
  const randomSuffix = (): string => randomBytes(4).toString('hex');

  const recording = createRecording({ ...common, identity, version });
  const { registry, metrics, recorder, refusalEvents } = recording;
  const grantQueue = createGrantQueue(clock, maxFinishedPerNamespace);
  const caches = createWatchingCaches({ ...common, recorder, grantQueue, agentNamespaces });
  const { grants: cache, podIsGone } = caches;
  const keysFor = createClusterKeys(client, clock);
  const confirmer = createConfirmer({
    client,
    keysFor,
    cache,
    clock,
    metrics,
    recorder,
    severalServers: createServerCount(client, clock),
    onError: (message, fields) => log.warn(message, fields),
  });
  const apiServerAudiences = createApiAudiences({
    client,
    clock,
    configured: config.apiServerAudiences,
    ownToken: () => readOwnToken(config.kubernetes),
  });
  const certificates = createCertificateManager({
    ...common,
    namespace,
    names: [...controllerNames(namespace), ...config.servingNames],
    random: Math.random,
  });
  const injection =
    sidecar &&
    (await createInjection({ ...common, config, sidecar, namespaces: caches, certificates }));
  const serving = createServing({
    admission: createAdmission({
      ...common,
      config,
      cache,
      apiServerAudiences,
      injection: injection?.webhook,
    }),
    exchange: createExchange({
      ...common,
      metrics,
      recorder,
      config,
      caches,
      confirmer,
      keysFor,
      apiServerAudiences,
      refusalEvents,
      randomSuffix,
    }),
    certificates,
    registry,
    clock,
    log,
    cachesNotCurrent: caches.notCurrent,
  });
  const leading = createLeading({
    reconciler: {
      ...common,
      cache,
      recorder,
      randomSuffix,
      queue: grantQueue.queue,
      podIsGone,
      maxFinishedPerNamespace,
      confirm: (grant, nonce) => confirmer.confirm(grant, nonce, undefined),
    },
    grantQueue,
    namespace,
    identity,
  });
  registerGauges(registry, {
    ...grantGauges(cache, clock),
    cacheLastSync: caches.lastSync,
    certificateExpirations: () =>
      new Map(certificates.expirations().map(({ name, notAfter }) => [name, notAfter / 1000])),
  });

  // Health can be asked from the first moment, also while the API server cannot be reached.
  const operationsAddress = await serving.listenForOperations(config.operationsListen);
  caches.start();
  // No grant is admitted before it is known what must not be lent.
  await untilDone('the audiences of the API server are not known yet', common, () =>
    apiServerAudiences.discover(),
  );
  await serving.awaitCertificate();
  injection?.publisher.start();
  const address = await serving.listen(config.listen);
  const stopping = new AbortController();
  // A leader with a cold cache would see no grants. Pods that it does not know are not taken for gone.
  void caches
    .waitForSync(stopping.signal)
    .then(() => leading.start())
    .catch((error: unknown) =>
      log.debug('the controller stopped before its caches had synced', { error }),
    );
  log.info('the controller is serving', { address, operationsAddress });

  return {
    address: { host: address.address, port: address.port },
    operationsAddress: { host: operationsAddress.address, port: operationsAddress.port },
    registry,
    notReady: serving.notReady,
    async stop() {
      stopping.abort();
      const roundsEnded = Promise.all([injection?.publisher.stop(), certificates.stop()]);
      await serving.drain();
      await leading.stop();
      // Not awaited: the workers have ended with the election, so the next leader takes what is still queued.
      void grantQueue.queue.shutDown();
      confirmer.stop();
      await roundsEnded;
      await caches.stop();
      await recording.flush();
      await client.close();
      await serving.stopOperations();
    },
  };
}
