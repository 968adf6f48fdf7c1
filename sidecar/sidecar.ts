/** The sidecar's parts, put together. */

import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { rootCertificates } from 'node:tls';
import { BODY_LIMIT_BYTES } from '../core/api/names.ts';
import type { Clock } from '../core/time/clock.ts';
import { settingUnusable } from '../process/config.ts';
import { drain, listenOn } from '../process/http-server.ts';
import type { Logger } from '../process/log.ts';
import { createRegistry } from '../process/metrics.ts';
import { createOperationsServer } from '../process/operations.ts';
import { providePodCA } from './certificates/pod-ca.ts';
import { createReporter } from './complete.ts';
import type { SidecarConfig } from './config.ts';
import { createExchangeClient } from './exchange/client.ts';
import { createRefusalReporter } from './exchange/report-refusals.ts';
import { createForwarder } from './forward/forward.ts';
import { createResolver } from './forward/resolve.ts';
import { handleCall } from './handle-call.ts';
import { startInterceptor } from './intercept/interceptor.ts';
import { MemoryBudget } from './intercept/memory-budget.ts';
import { createSidecarMetrics } from './metrics.ts';
import { createInterceptionObserver } from './observe-interception.ts';
import { readSearchDomains, startInterception } from './start-interception.ts';

export interface SidecarDependencies {
  config: SidecarConfig;
  clock: Clock;
  log: Logger;
  version: string;
}

export interface Sidecar {
  readonly address: { host: string; port: number };
  readonly operationsAddress: { host: string; port: number };
  /** Takes no new calls, lets those in flight end, and their reports arrive. */
  stop(): Promise<void>;
}

const DRAIN_MILLISECONDS = 10_000;
/** For 64 bodies of the largest size that is read whole; as much again where JSON is kept in its canonical form, too. */
const BODIES_BYTES = 64 * BODY_LIMIT_BYTES;
/** The kubelet and Prometheus need few; other pods can reach this port, too, and each connection takes memory. */
const OPERATIONS_CONNECTIONS = 32;

export async function startSidecar(dependencies: SidecarDependencies): Promise<Sidecar> {
  const { config, clock, log, version } = dependencies;
  const registry = createRegistry(version);
  const metrics = createSidecarMetrics(registry);
  const authority = await providePodCA(config, clock, log);

  const exchange = createExchangeClient({
    urls: config.controllerURLs,
    caFile: config.controllerCAFile,
    tokenFile: config.tokenFile,
  });
  const reporter = createReporter({ exchange, clock, log });
  const refusals = createRefusalReporter({
    exchange,
    clock,
    log,
    unreported: (count) => metrics.refusalsUnreported.inc(count),
  });
  const forwarder = createForwarder({
    clock,
    resolver: createResolver({
      ownAddresses: () =>
        Object.values(networkInterfaces()).flatMap(
          (all) => all?.map(({ address }) => address) ?? [],
        ),
      connectTo: new Map([
        ...config.connectTo,
        // The API server is where the operator says, under every name and address that agents use for it.
        ...config.kubernetes.authorities.map((name) => [name, config.kubernetes.server] as const),
      ]),
    }),
    ...(config.trustBundle === undefined
      ? {}
      : { trust: [...rootCertificates, config.trustBundle] }),
  });
  const callDependencies = {
    config,
    describeContext: {
      kubernetes: { authorities: config.kubernetes.authorities },
      inertHeaders: config.inertHeaders,
      searchDomains: config.transparent === undefined ? [] : await readSearchDomains(),
    },
    exchange,
    complete: reporter.complete,
    createNonce: randomUUID,
    waitMilliseconds: config.useWaitMilliseconds,
    forwarder,
    memory: new MemoryBudget(BODIES_BYTES),
    refusals,
    clock,
    metrics,
    log,
  };
  const interception =
    config.transparent === undefined
      ? undefined
      : await startInterception(config.transparent, clock, (event) => {
          if (event.type === 'Question') metrics.dnsQuestions.inc({ result: event.result });
          else log.error('a DNS socket failed', { error: event.error });
        });
  const interceptor = await startInterceptor(
    {
      listen: config.listen,
      ...(interception === undefined ? {} : { transparent: interception.options }),
      authority,
      onEvent: createInterceptionObserver({ log, metrics, refusals }),
    },
    (call) => handleCall(callDependencies, call),
  ).catch((error: unknown) => {
    const names = 'ACTIONGRANT_LISTEN or ACTIONGRANT_TRANSPARENT_LISTEN';
    throw settingUnusable(names, 'cannot be listened on', error);
  });
  const operations = createOperationsServer({ registry, notReady: () => [] });
  operations.maxConnections = OPERATIONS_CONNECTIONS;
  const operationsAddress = await listenOn(operations, config.operationsListen).catch(
    (error: unknown) => {
      throw settingUnusable('ACTIONGRANT_OPERATIONS_LISTEN', 'cannot be listened on', error);
    },
  );
  log.info('serving', {
    pod: config.podName,
    address: interceptor.address,
    operationsAddress,
    intercepting: interception !== undefined,
  });

  return {
    address: interceptor.address,
    operationsAddress: { host: operationsAddress.address, port: operationsAddress.port },
    async stop() {
      await interceptor.close(DRAIN_MILLISECONDS);
      await reporter.idle();
      // Calls in flight had names to look up until now.
      await interception?.close();
      await refusals.close();
      await forwarder.close();
      await exchange.close();
      await drain(operations, 100);
    },
  };
}
