/** One controller replica: its parts, put together. No part knows the others but through what is passed here. */

import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import express from 'express';
import type { Use } from '../api/generated/actiongrant.ts';
import { currentUse } from '../api/grant.ts';
import type { Phase } from '../api/phase.ts';
import { ProblemError } from '../api/problem.ts';
import type { Clock } from '../process/clock.ts';
import { settingUnusable } from '../process/config.ts';
import { drain, listenOn } from '../process/http-server.ts';
import type { LogFields, Logger } from '../process/log.ts';
import { createRegistry, type Registry } from '../process/metrics.ts';
import { createOperationsServer } from '../process/operations.ts';
import { acceptedNamespaces, acceptsGrantsFrom } from './admission/consent.ts';
import { createAdmissionRouter } from './admission/router.ts';
import { controllerNames, createCertificateManager } from './certificates/manager.ts';
import type { ControllerConfig } from './config.ts';
import { createAuthenticator } from './exchange/authenticate.ts';
import { createConfirmer } from './exchange/confirm.ts';
import { createDiscovery } from './exchange/discovery.ts';
import { createFinishHandler } from './exchange/finish.ts';
import { createFreshener } from './exchange/freshen.ts';
import { createRateLimiter } from './exchange/rate-limit.ts';
import { createExchangeRouter, sendProblem } from './exchange/routes.ts';
import { createUseHandler, unavailable } from './exchange/use.ts';
import { grantsInUseBy, indexGrants } from './grants/cache.ts';
import { actionGrants, hasEnded, type LiveGrant, type Pod, pods } from './grants/resource.ts';
import type { KubernetesClient } from './kubernetes/client.ts';
import { isKubernetesError } from './kubernetes/error.ts';
import { createEventRecorder } from './kubernetes/events.ts';
import { createLeaseElection } from './kubernetes/lease.ts';
import { keyOf, type Live } from './kubernetes/object.ts';
import { createReflector, type Reflector, type ReflectorReport } from './kubernetes/reflector.ts';
import { endpointSlices, namespaces } from './kubernetes/resources.ts';
import { createWorkQueue } from './kubernetes/workqueue.ts';
import { createControllerMetrics, registerGauges } from './metrics.ts';
import { revokeDeleted } from './reconcile/collect.ts';
import { runWorker } from './reconcile/reconciler.ts';
import { createReporter } from './report.ts';

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
const DRAIN_MILLISECONDS = 10_000;
const SUBJECT_ACCESS_REVIEW_MILLISECONDS = 3_000;
const SERVERS_LIFETIME_MILLISECONDS = 60_000;

/** Starts serving at once; the exchange answers NotReady until the caches have synced. */
export async function startController(dependencies: ControllerDependencies): Promise<Controller> {
  const { config, client, clock, log, version } = dependencies;
  const registry = createRegistry(version);
  const metrics = createControllerMetrics(registry);
  const events = createEventRecorder({
    client,
    clock,
    reportingController: 'actiongrant.dev/controller',
    reportingInstance: config.identity,
    report: (report) => log.debug('Events', { ...report }),
  });
  const reporter = createReporter({ log, events, metrics, now: clock.now });
  const randomSuffix = (): string => randomBytes(4).toString('hex');

  // Caches
  const queue = createWorkQueue({ clock });
  /** Keys that nobody takes would only pile up: a new leader begins with every grant there is. */
  let leading = false;
  const enqueue = (grant: LiveGrant): void => {
    if (leading) queue.add(keyOf(grant.metadata));
  };
  const grants = createReflector({
    client,
    resource: actionGrants,
    clock,
    handlers: {
      onAdd: enqueue,
      onUpdate: (_previous, current) => enqueue(current),
      // On every replica: a deletion is seen once, so it must not be lost between two leaders. Repeating it is harmless.
      onDelete(lastKnown) {
        reporter.deleted(lastKnown);
        revokeDeleted(client, lastKnown).catch((error: unknown) =>
          log.warn('the Secret of a deleted grant is left to garbage collection', {
            grant: keyOf(lastKnown.metadata),
            error,
          }),
        );
      },
    },
    report: cacheReport(log, { resource: 'actiongrants' }),
  });
  indexGrants(grants);
  const podReflectors = new Map<string, Reflector<Pod>>(
    config.agentNamespaces.map((namespace) => [
      namespace,
      createReflector({
        client,
        resource: pods,
        clock,
        namespace,
        handlers: {
          onDelete(pod) {
            for (const grant of grantsInUseBy(grants, pod.metadata.uid)) enqueue(grant);
          },
        },
        report: cacheReport(log, { resource: 'pods', namespace }),
      }),
    ]),
  );
  const namespaceReflector = createReflector({
    client,
    resource: namespaces,
    clock,
    report: cacheReport(log, { resource: 'namespaces' }),
  });
  const reflectors: readonly [string, Reflector<never>][] = [
    ['actiongrants', grants as Reflector<never>],
    ['namespaces', namespaceReflector as Reflector<never>],
    ...[...podReflectors].map(([namespace, reflector]): [string, Reflector<never>] => [
      `pods/${namespace}`,
      reflector as Reflector<never>,
    ]),
  ];

  const findPod = async (
    namespace: string,
    name: string,
    uid: string,
  ): Promise<Live<Pod> | undefined> => {
    const reflector = podReflectors.get(namespace);
    if (reflector === undefined) return undefined;
    const cached = reflector.get({ namespace, name });
    if (cached?.metadata.uid === uid) return cached;
    // A pod's first call can be faster than the watch, also that of a pod made again under its name.
    try {
      const live = await client.get(pods, { namespace, name });
      reflector.observe(live);
      return live;
    } catch (error) {
      if (isKubernetesError(error, 'NotFound')) return undefined;
      throw unavailable(error);
    }
  };
  const podIsGone = (grant: LiveGrant, use: Use): boolean => {
    const namespace = grant.spec.agent.namespace ?? grant.metadata.namespace;
    const reflector = podReflectors.get(namespace);
    if (reflector === undefined || !reflector.hasSynced()) return false;
    return hasEnded(reflector.get({ namespace, name: use.podName }), use.podUID);
  };
  const annotationsOf = (namespace: string) =>
    namespaceReflector.get({ name: namespace })?.metadata.annotations;

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
  const exchange = createExchangeRouter({
    authenticator: createAuthenticator({
      client,
      clock,
      rateLimiter: createRateLimiter({
        clock,
        ratePerSecond: config.podRatePerSecond,
        burst: 2 * config.podRatePerSecond,
        capacity: 10_000,
      }),
      findPod,
    }),
    useHandler: createUseHandler({
      client,
      cache: grants,
      freshener: createFreshener({
        client,
        cache: grants,
        clock,
        acceptedNamespaces: (namespace) => acceptedNamespaces(annotationsOf(namespace)),
      }),
      clock,
      metrics,
      reporter,
      acceptsGrantsFrom: (agent, grant) => acceptsGrantsFrom(agent, annotationsOf(agent), grant),
      handedOver: (_grant, nonce, credential) => confirmer.remember(nonce, credential),
    }),
    finishHandler: createFinishHandler({
      client,
      cache: grants,
      clock,
      metrics,
      reporter,
      confirmer,
      randomSuffix,
    }),
    discovery: createDiscovery(client, clock),
    isReady: () => reflectors.every(([, reflector]) => isCurrent(reflector, clock)),
    log,
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
      },
    }),
  );
  app.use(exchange);
  app.use((_request, response) => {
    sendProblem(response, new ProblemError('NotFound', 'The exchange is at /v1/uses.'));
  });
  const server: Server = createServer({ minVersion: 'TLSv1.3', keepAliveTimeout: 65_000 }, app);
  const notReady = (): string[] => [
    ...reflectors.filter(([, r]) => !isCurrent(r, clock)).map(([name]) => `cache of ${name}`),
    ...(certificates.isReady() ? [] : ['serving certificate']),
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
    grantsByPhase() {
      const counts = new Map<Phase, number>();
      for (const { status } of grants.list()) {
        const phase = status?.phase ?? 'Pending';
        counts.set(phase, (counts.get(phase) ?? 0) + 1);
      }
      return counts;
    },
    pendingOldestAgeSeconds() {
      const created = grants
        .list()
        .filter(({ status }) => (status?.phase ?? 'Pending') === 'Pending')
        .map(({ metadata }) => Date.parse(metadata.creationTimestamp));
      return created.length === 0 ? 0 : Math.max(0, (clock.now() - Math.min(...created)) / 1000);
    },
    credentialsLive: () =>
      grants.list().filter((grant) => currentUse(grant)?.credential !== undefined).length,
    credentialsOverdue: () =>
      grants.list().filter((grant) => {
        const use = currentUse(grant);
        return use?.credential !== undefined && clock.now() > Date.parse(use.deadlineTime);
      }).length,
    cacheLastSync() {
      // The oldest of a resource: namespaces are many, and never a label.
      const times = new Map<string, number>();
      for (const [name, reflector] of reflectors) {
        const resource = name.replace(/\/.*$/, '');
        const at = reflector.lastSync() / 1000;
        times.set(resource, Math.min(at, times.get(resource) ?? at));
      }
      return times;
    },
    certificateExpirations: () =>
      new Map(certificates.expirations().map(({ name, notAfter }) => [name, notAfter / 1000])),
  });

  // Health is told from the first moment, also while the API server cannot be reached.
  const operationsAddress = await listenOn(operations, config.operationsListen).catch(
    (error: unknown) => {
      throw settingUnusable('ACTIONGRANT_OPERATIONS_LISTEN', 'cannot be listened on', error);
    },
  );
  const stopping = new AbortController();
  for (const [, reflector] of reflectors) reflector.start();
  await untilDone(() => certificates.sync(), { clock, log, signal: stopping.signal });
  certificates.attach(server);
  certificates.start();
  const address = await listenOn(server, config.listen).catch((error: unknown) => {
    throw settingUnusable('ACTIONGRANT_LISTEN', 'cannot be listened on', error);
  });
  // A leader with cold caches would see no grants and no pods.
  void Promise.all(reflectors.map(([, r]) => r.waitForSync(stopping.signal)))
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
      await drain(server, DRAIN_MILLISECONDS);
      await election.stop();
      // Not awaited: the workers have ended with the election, so what is still queued is the next leader's.
      void queue.shutDown();
      confirmer.stop();
      certificates.stop();
      await Promise.all(reflectors.map(([, reflector]) => reflector.stop()));
      await events.flush(1_000);
      await client.close();
      await drain(operations, 100);
    },
  };
}

function cacheReport(log: Logger, fields: LogFields): (report: ReflectorReport) => void {
  return (report) => {
    if (report.type === 'Listed') log.debug('a cache was listed', { ...fields, ...report });
    else log.warn('a cache has lost its connection and goes on', { ...fields, ...report });
  };
}

/**
 * Bookmarks come about once a minute. A cache that has heard nothing for this long may have lost its watch without knowing:
 * a deleted pod or a withdrawn consent would still count, so nothing is decided on it.
 */
const STALE_MILLISECONDS = 5 * 60_000;

function isCurrent(reflector: Reflector<never>, clock: Clock): boolean {
  return reflector.hasSynced() && clock.now() - reflector.lastSync() < STALE_MILLISECONDS;
}

/** Tries until it works: the API server may come later than we do. */
async function untilDone(
  work: () => Promise<void>,
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): Promise<void> {
  for (let milliseconds = 200; !signal.aborted; milliseconds = Math.min(2 * milliseconds, 5_000)) {
    try {
      return await work();
    } catch (error) {
      log.warn('the serving certificate is not ready yet', { error });
      await new Promise<void>((resolve) => {
        clock.after(milliseconds, resolve);
      });
    }
  }
}

/** Whether several API servers stand behind the cluster's address; several until it is known. */
function createServerCount(client: KubernetesClient, clock: Clock): () => Promise<boolean> {
  let known: { several: boolean; at: number } | undefined;
  let counting: Promise<boolean> | undefined;

  const count = async (): Promise<boolean> => {
    try {
      const { items } = await client.list(endpointSlices, {
        namespace: 'default',
        labelSelector: 'kubernetes.io/service-name=kubernetes',
      });
      const addresses = items
        .flatMap(({ endpoints }) => endpoints ?? [])
        .flatMap((e) => e.addresses);
      known = { several: new Set(addresses).size !== 1, at: clock.monotonic() };
      return known.several;
    } catch {
      return true;
    } finally {
      counting = undefined;
    }
  };

  return async () => {
    if (known !== undefined && clock.monotonic() - known.at < SERVERS_LIFETIME_MILLISECONDS) {
      return known.several;
    }
    counting ??= count();
    return counting;
  };
}
