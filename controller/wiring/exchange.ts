/** The exchange's handlers, put together with the caches and the configuration of one replica. */

import { randomUUID } from 'node:crypto';
import type { Router } from 'express';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { EventRecorder } from '../../core/kubernetes/events.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import type { Caches } from '../caches/caches.ts';
import type { ClusterKeySource } from '../cluster-keys.ts';
import type { ControllerConfig } from '../config.ts';
import type { ApiAudiences } from '../credentials/api-audiences.ts';
import type { Confirmer } from '../credentials/confirm.ts';
import { createAuthenticator } from '../exchange/authenticate.ts';
import { createDiscovery } from '../exchange/discovery.ts';
import { createRateLimiter } from '../exchange/rate-limit.ts';
import { createRefusalHandler } from '../exchange/refusals.ts';
import { createExchangeRouter } from '../exchange/routes.ts';
import { acceptedNamespaces, acceptsGrantsFrom } from '../grants/consent.ts';
import { requiredInjectionFault } from '../injection/verify.ts';
import type { ControllerMetrics } from '../record/metrics.ts';
import type { GrantRecorder } from '../record/recorder.ts';
import { createFinishHandler } from '../use/finish.ts';
import { createFreshener } from '../use/freshen.ts';
import { createUseHandler } from '../use/use.ts';

export interface ExchangeParts {
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  metrics: ControllerMetrics;
  recorder: GrantRecorder;
  config: Pick<ControllerConfig, 'injectionSelector' | 'podRatePerSecond'>;
  caches: Caches;
  confirmer: Confirmer;
  keysFor: ClusterKeySource;
  apiServerAudiences: ApiAudiences;
  /** Of their own, so that what agents provoke never crowds out what happens to grants. */
  refusalEvents: EventRecorder;
  randomSuffix(): string;
}

/** Sidecars add up what they refuse, so a report now and then is enough. */
const REFUSAL_REPORTS = { ratePerSecond: 0.1, burst: 5, capacity: 10_000 } as const;

export function createExchange(parts: ExchangeParts): Router {
  const {
    client,
    clock,
    log,
    metrics,
    recorder,
    config,
    caches,
    confirmer,
    apiServerAudiences,
    keysFor,
  } = parts;
  const { grants: cache, findPod, annotationsOf, labelsOf } = caches;
  const ratePerPod = () =>
    createRateLimiter({
      clock,
      ratePerSecond: config.podRatePerSecond,
      burst: 2 * config.podRatePerSecond,
      capacity: 10_000,
    });
  const grantsOf = {
    client,
    cache,
    clock,
    acceptedNamespaces: (namespace: string) => acceptedNamespaces(annotationsOf(namespace)),
  };
  return createExchangeRouter({
    callLimiter: ratePerPod(),
    endLimiter: ratePerPod(),
    authenticator: createAuthenticator({
      keysFor,
      clock,
      findPod,
      injectionFault: (pod) =>
        requiredInjectionFault(
          pod.injectionFault,
          labelsOf(pod.metadata.namespace ?? ''),
          config.injectionSelector,
        ),
    }),
    useHandler: createUseHandler({
      client,
      apiServerAudiences,
      cache,
      freshener: createFreshener({ ...grantsOf, phase: 'Approved' }),
      clock,
      metrics,
      recorder,
      acceptsGrantsFrom: (agent, grant) => acceptsGrantsFrom(agent, annotationsOf(agent), grant),
      createAttemptID: randomUUID,
      handedOver: confirmer.remember,
    }),
    finishHandler: createFinishHandler({
      client,
      cache,
      clock,
      metrics,
      recorder,
      confirmer,
      randomSuffix: parts.randomSuffix,
      freshener: createFreshener({ ...grantsOf, phase: 'InUse' }),
    }),
    discovery: createDiscovery(client, clock),
    refusalHandler: createRefusalHandler({
      events: parts.refusalEvents,
      rateLimiter: createRateLimiter({ clock, ...REFUSAL_REPORTS }),
    }),
    isReady: () => caches.notCurrent().length === 0,
    log,
  });
}
