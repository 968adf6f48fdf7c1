/** The sidecar's parts, put together. */

import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { rootCertificates } from 'node:tls';
import { BODY_LIMIT_BYTES } from '../core/api/names.ts';
import type { Clock } from '../core/time/clock.ts';
import { settingUnusable } from '../process/config.ts';
import { drain, listenOn } from '../process/http-server.ts';
import type { Logger } from '../process/log.ts';
import { createRegistry, type Registry } from '../process/metrics.ts';
import { createOperationsServer } from '../process/operations.ts';
import { createCompletions } from './complete.ts';
import type { SidecarConfig } from './config.ts';
import { createEarlierTries } from './earlier-tries.ts';
import { createExchangeClient } from './exchange/client.ts';
import { createRefusalReporter } from './exchange/report-refusals.ts';
import { createForwarder, type Forwarder } from './forward/forward.ts';
import { PrivateDestinations } from './forward/private-destinations.ts';
import { createResolver } from './forward/resolve.ts';
import { handleCall } from './handle-call.ts';
import { MemoryBudget } from './intercept/memory-budget.ts';
import { createManifestAllowance } from './manifest-allowance.ts';
import { createSidecarMetrics } from './metrics.ts';
import { LiveSecrets } from './scan/live-secrets.ts';
import { startFrontEnds } from './start-front-ends.ts';
import { readSearchDomains } from './start-interception.ts';
import { Turns } from './turns.ts';

export interface SidecarDependencies {
  config: SidecarConfig;
  clock: Clock;
  log: Logger;
  version: string;
}

export interface Sidecar {
  readonly address: Address;
  readonly operationsAddress: Address;
  /** Takes no new calls, lets those in flight end, and their completions arrive. */
  stop(): Promise<void>;
}

interface Address {
  host: string;
  port: number;
}

/** For 64 bodies of the largest size that is read whole; as much again where JSON is kept in its canonical form, too. */
const BODIES_BYTES = 64 * BODY_LIMIT_BYTES;
/** The kubelet and Prometheus need few; other pods can reach this port, too, and each connection takes memory. */
const OPERATIONS_CONNECTIONS = 32;

/** @throws ProblemError ConfigurationInvalid, naming the setting that cannot be used */
export async function startSidecar(dependencies: SidecarDependencies): Promise<Sidecar> {
  const { config, clock, log, version } = dependencies;
  const registry = createRegistry(version);
  const metrics = createSidecarMetrics(registry);
  const exchange = createExchangeClient({
    urls: config.controllerURLs,
    caFile: config.controllerCAFile,
    tokenFile: config.tokenFile,
  });
  const completions = createCompletions({ exchange, clock, log });
  const refusals = createRefusalReporter({
    exchange,
    clock,
    log,
    unreported: (count) => metrics.refusalsUnreported.inc(count),
  });
  const secrets = new LiveSecrets();
  const searchDomains = await readSearchDomains();
  const forwarder = createSidecarForwarder(config, { clock, secrets, searchDomains });
  const callDependencies = {
    config,
    describeContext: {
      kubernetes: { authorities: config.kubernetes.authorities },
      inertHeaders: new Set(config.inertHeaders),
      searchDomains: config.transparent === undefined ? [] : searchDomains,
    },
    exchange,
    complete: completions.complete,
    createNonce: randomUUID,
    waitMilliseconds: config.useWaitMilliseconds,
    forwarder,
    secrets,
    memory: new MemoryBudget(BODIES_BYTES),
    turns: new Turns(clock),
    refusals,
    manifestsLogged: createManifestAllowance(clock),
    tries: createEarlierTries(clock),
    clock,
    metrics,
    log,
  };
  const frontEnds = await startFrontEnds({ ...dependencies, metrics, refusals }, (call) =>
    handleCall(callDependencies, call),
  );
  const operations = await startOperations(config, registry);
  log.info('the sidecar is serving', {
    pod: config.podName,
    address: frontEnds.address,
    operationsAddress: operations.address,
    intercepting: config.transparent !== undefined,
  });

  return {
    address: frontEnds.address,
    operationsAddress: { host: operations.address.address, port: operations.address.port },
    async stop() {
      await frontEnds.endCalls();
      await completions.idle();
      await frontEnds.close();
      await refusals.close();
      await forwarder.close();
      await exchange.close();
      await drain(operations.server, 100);
    },
  };
}

interface ForwarderParts {
  clock: Clock;
  secrets: LiveSecrets;
  searchDomains: readonly string[];
}

function createSidecarForwarder(
  { connectTo, kubernetes, trustBundle, privateDestinations }: SidecarConfig,
  { clock, secrets, searchDomains }: ForwarderParts,
): Forwarder {
  const interfaces = () => Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return createForwarder({
    clock,
    secrets,
    resolver: createResolver({
      ownAddresses: () => interfaces().map(({ address }) => address),
      ownNetworks: () => interfaces().flatMap(({ cidr }) => cidr ?? []),
      privateDestinations: new PrivateDestinations(privateDestinations),
      searchDomains,
      connectTo: new Map([
        ...connectTo,
        // The API server is where the operator says, under every name and address that agents use for it.
        ...kubernetes.authorities.map((name) => [name, kubernetes.server] as const),
      ]),
    }),
    ...(trustBundle === undefined ? {} : { trust: [...rootCertificates, trustBundle] }),
  });
}

/** Metrics and health. */
async function startOperations({ operationsListen }: SidecarConfig, registry: Registry) {
  const server: Server = createOperationsServer({ registry, notReady: () => [] });
  server.maxConnections = OPERATIONS_CONNECTIONS;
  const address = await listenOn(server, operationsListen).catch((error: unknown) => {
    throw settingUnusable('ACTIONGRANT_OPERATIONS_LISTEN', 'cannot be listened on', error);
  });
  return { server, address };
}
