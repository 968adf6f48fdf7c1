/** The explicit proxy and, if so configured, interception without the agent's knowing. */

import type { Clock } from '../core/time/clock.ts';
import { settingUnusable } from '../process/config.ts';
import type { Logger } from '../process/log.ts';
import { providePodCA } from './certificates/pod-ca.ts';
import type { SidecarConfig } from './config.ts';
import type { RefusalReporter } from './exchange/report-refusals.ts';
import type { CallHandler } from './intercept/call.ts';
import { startInterceptor } from './intercept/interceptor.ts';
import type { SidecarMetrics } from './metrics.ts';
import { createInterceptionObserver } from './observe-interception.ts';
import { startInterception } from './start-interception.ts';

export interface FrontEndDependencies {
  config: SidecarConfig;
  clock: Clock;
  log: Logger;
  metrics: SidecarMetrics;
  refusals: RefusalReporter;
}

export interface FrontEnds {
  /** Of the explicit proxy. */
  readonly address: { host: string; port: number };
  /** Takes no new calls, and lets those in flight end. */
  endCalls(): Promise<void>;
  /** To be called once the calls have ended: until then they have names to look up. */
  close(): Promise<void>;
}

const DRAIN_MILLISECONDS = 10_000;

/** @throws ProblemError ConfigurationInvalid, naming the setting that cannot be used */
export async function startFrontEnds(
  { config, clock, log, metrics, refusals }: FrontEndDependencies,
  handle: CallHandler,
): Promise<FrontEnds> {
  const authority = await providePodCA(config, clock, log);
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
    handle,
  ).catch((error: unknown) => {
    const names = 'ACTIONGRANT_LISTEN or ACTIONGRANT_TRANSPARENT_LISTEN';
    throw settingUnusable(names, 'cannot be listened on', error);
  });
  return {
    address: interceptor.address,
    endCalls: () => interceptor.close(DRAIN_MILLISECONDS),
    close: async () => interception?.close(),
  };
}
