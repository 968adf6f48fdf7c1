/** What a replica serves: exchange and admission over TLS, health and metrics beside it. */

import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import express, { type Router } from 'express';
import { ProblemError } from '../../core/api/problem.ts';
import { type Backoff, backoffDelay } from '../../core/time/backoff.ts';
import type { Clock } from '../../core/time/clock.ts';
import { pause } from '../../core/time/pause.ts';
import { settingUnusable } from '../../process/config.ts';
import { drain, listenOn, sendAway } from '../../process/http-server.ts';
import type { Logger } from '../../process/log.ts';
import type { Registry } from '../../process/metrics.ts';
import { createOperationsServer } from '../../process/operations.ts';
import type { CertificateManager } from '../certificates/manager.ts';
import { sendProblem } from '../send-problem.ts';

export interface ServingParts {
  admission: Router;
  exchange: Router;
  certificates: CertificateManager;
  registry: Registry;
  clock: Clock;
  log: Logger;
  /** Caches that are not current. */
  cachesNotCurrent(): string[];
}

/** Port 0: any that is free. */
interface ListenAddress {
  host: string;
  port: number;
}

export interface Serving {
  /** What is missing before traffic may come; empty: ready. */
  notReady(): string[];
  /** @throws ProblemError ConfigurationInvalid if the address cannot be listened on */
  listenForOperations(address: ListenAddress): Promise<AddressInfo>;
  /** Waits for the certificate that the exchange and admission are served with, and keeps it current from then on. */
  awaitCertificate(): Promise<void>;
  /** For the exchange and for admission. @throws ProblemError ConfigurationInvalid if the address cannot be listened on */
  listen(address: ListenAddress): Promise<AddressInfo>;
  /** Takes no new work, and lets the work in flight end. */
  drain(): Promise<void>;
  stopOperations(): Promise<void>;
}

/** By then kube-proxy has long sent new connections elsewhere; those of the API server stay until we end them. */
const SEND_AWAY_MILLISECONDS = 2_000;
const DRAIN_MILLISECONDS = 10_000;
const OPERATIONS_DRAIN_MILLISECONDS = 100;
/** The API server may come later than we do. */
const START_BACKOFF: Backoff = { firstMilliseconds: 200, maximumMilliseconds: 5_000 };

export function createServing(parts: ServingParts): Serving {
  const { admission, exchange, certificates, registry, cachesNotCurrent } = parts;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use('/admission', admission);
  app.use(exchange);
  app.use((_request, response) => {
    sendProblem(response, new ProblemError('NotFound', 'The exchange is at /v1/uses.'));
  });
  const server = createServer({ minVersion: 'TLSv1.3', keepAliveTimeout: 65_000 }, app);
  const notReady = (): string[] => [
    ...cachesNotCurrent().map((name) => `cache of ${name}`),
    ...(certificates.isReady() ? [] : ['serving certificate']),
    ...(server.listening ? [] : ['exchange']),
  ];
  const operations = createOperationsServer({ registry, notReady });
  return {
    notReady,
    listenForOperations: (address) =>
      listenAs('ACTIONGRANT_OPERATIONS_LISTEN', operations, address),
    async awaitCertificate() {
      await untilDone('the serving certificate is not ready yet', parts, () => certificates.sync());
      certificates.attach(server);
      certificates.start();
    },
    listen: (address) => listenAs('ACTIONGRANT_LISTEN', server, address),
    async drain() {
      await sendAway(server, SEND_AWAY_MILLISECONDS);
      await drain(server, DRAIN_MILLISECONDS);
    },
    stopOperations: () => drain(operations, OPERATIONS_DRAIN_MILLISECONDS),
  };
}

function listenAs(
  setting: string,
  server: Parameters<typeof listenOn>[0],
  address: ListenAddress,
): Promise<AddressInfo> {
  return listenOn(server, address).catch((error: unknown) => {
    throw settingUnusable(setting, 'cannot be listened on', error);
  });
}

/** Does what a start needs of the API server, again and again until it is done. @param notYet is logged for each failure */
export async function untilDone(
  notYet: string,
  { clock, log }: { clock: Clock; log: Logger },
  work: () => Promise<void>,
): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      log.warn(notYet, { error });
      await pause(clock, backoffDelay(START_BACKOFF, failures, Math.random));
    }
  }
}
