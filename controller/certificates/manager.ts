/** Keeps this replica's serving certificate, and with the other replicas the authority behind it. */

import { CONTROLLER_NAME } from '../../core/api/names.ts';
import { createBackgroundLoop } from '../../process/background-loop.ts';
import type { KeyPair } from './authority.ts';
import { type ConvergeDependencies, converge } from './converge.ts';
import {
  createServingCertificate,
  type ServingCertificate,
  type ServingCertificateOptions,
} from './serving.ts';

/** How often everything is checked: bounds how long a caBundle that somebody removed stays away. */
const SYNC_INTERVAL = 60_000;
/** After a failure, and while a webhook configuration is missing because the chart is still being installed. */
const RETRY_INTERVAL = 5_000;

export interface CertificateManagerOptions extends ConvergeDependencies, ServingCertificateOptions {
  /** From [0, 1), to spread replicas in time. */
  random: () => number;
}

export interface CertificateManager
  extends Pick<ServingCertificate, 'attach' | 'isReady' | 'expirations'> {
  /**
   * One round of work; throws what stopped it. Call it once before serving, then `start`.
   * @throws KubernetesError, or ProblemError (ConfigurationInvalid, KubernetesUnavailable)
   */
  sync(): Promise<void>;
  /** Goes on in the background until `stop`. A failure is logged and tried again. */
  start(): void;
  /** Resolves once the round under way has ended. */
  stop(): Promise<void>;
  /** Key and certificate in force, PEM. @throws ProblemError NotReady before the first sync */
  serving(): KeyPair;
  /** PEM of the authorities that verify it. @throws ProblemError NotReady before the first sync */
  bundle(): string;
}

/** The names of the controller's Service. The API server calls webhooks by the first. */
export function controllerNames(namespace: string, service: string = CONTROLLER_NAME): string[] {
  return [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc.cluster.local`,
  ];
}

export function createCertificateManager(options: CertificateManagerOptions): CertificateManager {
  const { clock, random, log } = options;
  const certificate = createServingCertificate(options);

  /** @returns whether everything that should be published to is there */
  const work = async (): Promise<boolean> => {
    const { active, bundle, complete } = await converge(options);
    await certificate.renew(active, bundle);
    return complete;
  };

  const loop = createBackgroundLoop({
    clock,
    random,
    async round() {
      const complete = await work().catch((error: unknown) => {
        log.warn('the certificates could not be brought up to date', { error });
        return false;
      });
      return complete ? SYNC_INTERVAL : RETRY_INTERVAL;
    },
  });

  return {
    async sync() {
      await work();
    },
    // Soon, not at once: the first sync was the caller's, and webhooks may have been missing.
    start: () => loop.startIn(RETRY_INTERVAL),
    stop: loop.stop,
    serving: () => certificate.required().certificate,
    bundle: () => certificate.required().bundle,
    attach: certificate.attach,
    isReady: certificate.isReady,
    expirations: certificate.expirations,
  };
}
