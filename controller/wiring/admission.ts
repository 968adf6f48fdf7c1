/** The admission webhooks, put together with the cache and the configuration of one replica. */

import type { Router } from 'express';
import { CONTROLLER_NAME } from '../../core/api/names.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { type AdmissionDependencies, createAdmissionRouter } from '../admission/router.ts';
import type { ControllerConfig } from '../config.ts';
import type { ApiAudiences } from '../credentials/api-audiences.ts';
import { countAwaitingDecision, type GrantCache } from '../grants/cache.ts';

export interface AdmissionParts {
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  config: Pick<ControllerConfig, 'apiServerHosts' | 'maxPendingPerAgent' | 'namespace'>;
  cache: GrantCache;
  apiServerAudiences: Pick<ApiAudiences, 'includes'>;
  /** undefined: no pod is injected. */
  injection: AdmissionDependencies['injection'] | undefined;
}

const SUBJECT_ACCESS_REVIEW_MILLISECONDS = 3_000;

export function createAdmission({
  client,
  clock,
  log,
  config,
  cache,
  apiServerAudiences,
  injection,
}: AdmissionParts): Router {
  const { apiServerHosts, maxPendingPerAgent, namespace } = config;
  return createAdmissionRouter({
    client,
    clock,
    log,
    timeoutMilliseconds: SUBJECT_ACCESS_REVIEW_MILLISECONDS,
    settings: {
      controllerUsername: `system:serviceaccount:${namespace}:${CONTROLLER_NAME}`,
      apiServerHosts,
      apiServerAudiences,
      maxPendingPerAgent,
    },
    countAwaitingDecision: (agent) => countAwaitingDecision(cache, agent),
    ...(injection === undefined ? {} : { injection }),
  });
}
