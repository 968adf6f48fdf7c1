/** One controller replica: its parts, put together. No part knows the others but through what is passed here. */

import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import express from 'express';
import { ProblemError } from '../core/api/problem.ts';
import type { KubernetesClient } from '../core/kubernetes/client.ts';
import { createEventRecorder, type EventRecorder } from '../core/kubernetes/events.ts';
import { createLeaseElection } from '../core/kubernetes/lease.ts';
import { keyOf } from '../core/kubernetes/object.ts';
import { createWorkQueue } from '../core/kubernetes/workqueue.ts';
import type { Clock } from '../core/time/clock.ts';
import { pause } from '../core/time/pause.ts';
import { settingUnusable } from '../process/config.ts';
import { drain, listenOn, sendAway } from '../process/http-server.ts';
import type { Logger } from '../process/log.ts';
import { createRegistry, type Registry } from '../process/metrics.ts';
import { createOperationsServer } from '../process/operations.ts';
import { createAdmissionRouter } from './admission/router.ts';
import { createCaches } from './caches/caches.ts';
import { controllerNames, createCertificateManager } from './certificates/manager.ts';
import type { ControllerConfig } from './config.ts';
import { createServerCount } from './credentials/api-servers.ts';
import { createConfirmer } from './credentials/confirm.ts';
import { revokeAll } from './credentials/credentials.ts';
import { countAwaitingDecision, firstEndedBeyond } from './grants/cache.ts';
import type { LiveGrant } from './grants/resource.ts';
import { runWorker } from './reconcile/reconciler.ts';
import { grantGauges } from './record/gauges.ts';
import { createControllerMetrics, registerGauges } from './record/metrics.ts';
import { createReporter } from './record/recorder.ts';
import { sendProblem } from './send-problem.ts';
import { createExchange } from './wiring/exchange.ts';
import { createInjection } from './wiring/injection.ts';

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

const WORKERS = 8;
/** By then kube-proxy has long sent new connections elsewhere; those of the API server stay until we end them. */
const SEND_AWAY_MILLISECONDS = 2_000;
const DRAIN_MILLISECONDS = 10_000;
const SUBJECT_ACCESS_REVIEW_MILLISECONDS = 3_000;

/** Starts serving at once; the exchange answers NotReady until the caches have synced. */
export async function startController(dependencies: ControllerDependencies): Promise<Controller> {
  const { config, client, clock, log, version } = dependencies;
  const registry = createRegistry(version);
  const metrics = createControllerMetrics(registry);
  const recordEvents = (): EventRecorder =>
    createEventRecorder({
      client,
      clock,
      reportingController: 'actiongrant.dev/controller',
      reportingInstance: config.identity,
      report: (report) => log.debug('Events', { ...report }),
    });
  const events = recordEvents();
  // Apart, so that what agents provoke never crowds out what happens to grants.
  const refusalEvents = recordEvents();
  const reporter = createReporter({ log, events, metrics, now: clock.now });
  const randomSuffix = (): string => randomBytes(4).toString('hex');

  // Caches
  const queue = createWorkQueue({ clock });
  /** Keys that nobody takes would only pile up: a new leader begins with every grant there is. */
  let leading = false;
  const enqueue = (grant: LiveGrant | undefined): void => {
    if (leading && grant !== undefined) queue.add(keyOf(grant.metadata));
  };
  /** One that ends may push out the one that ended first; one that is gone may not have been the only one too many. */
  const enqueueSurplus = ({ metadata: { namespace } }: LiveGrant): void => {
    if (leading) enqueue(firstEndedBeyond(grants, namespace, config.maxFinishedPerNamespace));
  };
  const caches = createCaches({
    client,
    clock,
    log,
    agentNamespaces: config.agentNamespaces,
    onGrant(grant) {
      enqueue(grant);
      enqueueSurplus(grant);
    },
    // On every replica: a deletion is seen once, so it must not be lost between two leaders. Repeating it is harmless.
    onGrantDeleted(lastKnown) {
      reporter.deleted(lastKnown);
      enqueueSurplus(lastKnown);
      // To delete a grant is to revoke it. Garbage collection does the same when no controller runs.
      revokeAll(client, lastKnown).catch((error: unknown) =>
        log.warn('the Secret of a deleted grant is left to garbage collection', {
          grant: keyOf(lastKnown.metadata),
          error,
        }),
      );
    },
  });
  const { grants, podIsGone } = caches;

  // Exchange
  const severalServers = createServerCount(client, clock);
  const confirmer = createConfirmer({
    client,
    cache: grants,
    clock,
    metrics,
    reporter,
    severalServers,
    onError: (message, fields) => log.warn(message, fields),
  });
  const exchange = createExchange({
    client,
    clock,
    log,
    metrics,
    reporter,
    config,
    caches,
    confirmer,
    refusalEvents,
    randomSuffix,
  });

  // Serving
  const certificates = createCertificateManager({
    client,
    namespace: config.namespace,
    names: [...controllerNames(config.namespace), ...config.servingNames],
    clock,
    random: Math.random,
    log,
  });
  const injection =
    config.sidecar === undefined
      ? undefined
      : await createInjection({
          client,
          clock,
          log,
          config,
          sidecar: config.sidecar,
          certificates,
        });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(
    '/admission',
    createAdmissionRouter({
      client,
      log,
      timeoutMilliseconds: SUBJECT_ACCESS_REVIEW_MILLISECONDS,
      settings: {
        controllerUsername: `system:serviceaccount:${config.namespace}:actiongrant-controller`,
        apiServerHosts: config.apiServerHosts,
        apiServerAudiences: config.apiServerAudiences,
        maxPendingPerAgent: config.maxPendingPerAgent,
      },
      countAwaitingDecision: (agent) => countAwaitingDecision(grants, agent),
      ...(injection === undefined ? {} : { injection: injection.webhook }),
    }),
  );
  app.use(exchange);
  app.use((_request, response) => {
    sendProblem(response, new ProblemError('NotFound', 'The exchange is at /v1/uses.'));
  });
  const server: Server = createServer({ minVersion: 'TLSv1.3', keepAliveTimeout: 65_000 }, app);
  const notReady = (): string[] => [
    ...caches.notCurrent().map((name) => `cache of ${name}`),
    ...(certificates.isReady() ? [] : ['serving certificate']),
    ...(server.listening ? [] : ['exchange']),
  ];
  const operations = createOperationsServer({ registry, notReady });

  // Leading
  const election = createLeaseElection({
    client,
    clock,
    namespace: config.namespace,
    name: 'actiongrant-controller',
    // Unique per process: a container that restarts keeps its pod's name, and must not take its own old lease for held.
    identity: `${config.identity}_${randomUUID()}`,
    async onStartedLeading(signal) {
      leading = true;
      for (const grant of grants.list()) enqueue(grant);
      await Promise.all(
        Array.from({ length: WORKERS }, () =>
          runWorker(
            {
              client,
              cache: grants,
              clock,
              reporter,
              randomSuffix,
              queue,
              podIsGone,
              maxFinishedPerNamespace: config.maxFinishedPerNamespace,
              log,
              confirm: (grant, nonce) => confirmer.confirm(grant, nonce, undefined),
            },
            signal,
          ),
        ),
      );
    },
    onStoppedLeading() {
      leading = false;
    },
    report: (report) => log.info('leader election', { ...report }),
  });

  registerGauges(registry, {
    ...grantGauges(grants, clock),
    cacheLastSync: caches.lastSync,
    certificateExpirations: () =>
      new Map(certificates.expirations().map(({ name, notAfter }) => [name, notAfter / 1000])),
  });

  // Health is told from the first moment, also while the API server cannot be reached.
  const operationsAddress = await listenOn(operations, config.operationsListen).catch(
    (error: unknown) => {
      throw settingUnusable('ACTIONGRANT_OPERATIONS_LISTEN', 'cannot be listened on', error);
    },
  );
  caches.start();
  await untilDone(() => certificates.sync(), { clock, log });
  certificates.attach(server);
  certificates.start();
  injection?.publisher.start();
  const address = await listenOn(server, config.listen).catch((error: unknown) => {
    throw settingUnusable('ACTIONGRANT_LISTEN', 'cannot be listened on', error);
  });
  const stopping = new AbortController();
  // A leader with a cold cache would see no grants. Pods that it does not know are not taken for gone.
  void caches
    .waitForSync(stopping.signal)
    .then(() => election.start())
    .catch((error: unknown) => log.debug('stopped before the caches synced', { error }));
  log.info('serving', { address, operationsAddress });

  return {
    address: { host: address.address, port: address.port },
    operationsAddress: { host: operationsAddress.address, port: operationsAddress.port },
    registry,
    notReady,
    async stop() {
      stopping.abort();
      const roundsEnded = Promise.all([injection?.publisher.stop(), certificates.stop()]);
      await sendAway(server, SEND_AWAY_MILLISECONDS);
      await drain(server, DRAIN_MILLISECONDS);
      await election.stop();
      // Not awaited: the workers have ended with the election, so what is still queued is the next leader's.
      void queue.shutDown();
      confirmer.stop();
      await roundsEnded;
      await caches.stop();
      await Promise.all([events.flush(1_000), refusalEvents.flush(1_000)]);
      await client.close();
      await drain(operations, 100);
    },
  };
}

/** Tries until it works: the API server may come later than we do. */
async function untilDone(
  work: () => Promise<void>,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<void> {
  for (let milliseconds = 200; ; milliseconds = Math.min(2 * milliseconds, 5_000)) {
    try {
      return await work();
    } catch (error) {
      log.warn('the serving certificate is not ready yet', { error });
      await pause(clock, milliseconds);
    }
  }
}
