/**
 * Keeps this replica's serving certificate, and with the other replicas the authority behind it.
 *
 * There is no leader here: every replica does the same, and each write is a compare-and-swap on what it was decided from,
 * so replicas that race converge on whoever wrote first. The bundle is published before a new authority signs anything.
 */

import type { Server } from 'node:https';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Clock } from '../../core/time/clock.ts';
import { createBackgroundLoop } from '../../process/background-loop.ts';
import type { Logger } from '../../process/log.ts';
import { issueAuthority, issueServing, type KeyPair } from './authority.ts';
import { afterStep, bundleOf, decideAuthorityStep, servingIsDue } from './plan.ts';
import { publish, readPublished } from './publication.ts';
import { readAuthorities, writeAuthorities } from './store.ts';

/** How often everything is checked: bounds how long a caBundle that somebody removed stays away. */
const SYNC_INTERVAL = 60_000;
/** After a failure, and while a webhook configuration is missing because the chart is still being installed. */
const RETRY_INTERVAL = 5_000;
/** Replicas that race each other need a round or two; more means that something else writes, too. */
const MAX_ROUNDS = 6;

export interface CertificateManagerOptions {
  client: KubernetesClient;
  /** The controller's own namespace. */
  namespace: string;
  /** DNS names and IP addresses this replica is reached by: see `controllerNames`. */
  names: readonly string[];
  clock: Clock;
  /** From [0, 1), to spread replicas in time. */
  random: () => number;
  log: Logger;
}

export interface CertificateManager {
  /**
   * One round of work; throws what stopped it. Call it once before serving, then `start`.
   * @throws KubernetesError, or ProblemError (ConfigurationInvalid, KubernetesUnavailable)
   */
  sync(): Promise<void>;
  /** Goes on in the background until `stop`. A failure is logged and tried again. */
  start(): void;
  /** Resolves once the round under way has ended. */
  stop(): Promise<void>;
  /** Gives the server its certificate now and at every renewal, without interrupting connections. */
  attach(server: Server): void;
  /** Key and certificate in force, PEM. @throws ProblemError NotReady before the first sync */
  serving(): KeyPair;
  /** PEM of the authorities that verify it. @throws ProblemError NotReady before the first sync */
  bundle(): string;
  /** Whether the certificate in force is good now. */
  isReady(): boolean;
  /** When what we hold ends, in ms since the epoch; for the expiration metric. */
  expirations(): { name: 'authority' | 'serving'; notAfter: number }[];
}

/** The names of the controller's Service. The API server calls webhooks by the first. */
export function controllerNames(namespace: string, service = 'actiongrant-controller'): string[] {
  return [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc.cluster.local`,
  ];
}

interface InForce {
  certificate: KeyPair;
  authority: KeyPair;
  bundle: string;
}

export function createCertificateManager(options: CertificateManagerOptions): CertificateManager {
  const { client, namespace, names, clock, random, log } = options;
  const servers: Server[] = [];
  let inForce: InForce | null = null;

  /** @returns whether everything that should be published to is there */
  async function work(): Promise<boolean> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // Read before the Secret: if a newer authority is published meanwhile, our older bundle meets a conflict.
      const published = await readPublished(client, namespace);
      const stored = await readAuthorities(client, namespace);
      const current = stored?.authorities ?? null;
      const now = clock.now();
      const step = decideAuthorityStep(current, now);
      if (current === null || step !== 'Keep') {
        const changed = await afterStep(step, current, () => issueAuthority(now));
        const written = await writeAuthorities(client, namespace, changed, stored);
        if (written) log.info('certificate authority changed', { step });
        continue;
      }
      const bundle = bundleOf(current);
      if (!(await publish(client, namespace, published, bundle))) continue;
      await renewServing(current.active, bundle, now);
      return published.webhooks.every(({ configuration }) => configuration !== null);
    }
    throw new ProblemError(
      'KubernetesUnavailable',
      `The certificate authority in the namespace ${namespace} keeps being changed by somebody else.`,
    );
  }

  async function renewServing(active: KeyPair, bundle: string, now: number): Promise<void> {
    if (inForce !== null && !servingIsDue(inForce, active, now)) {
      inForce = { ...inForce, bundle };
      return;
    }
    const certificate = await issueServing(active, names, now);
    inForce = { certificate, authority: active, bundle };
    for (const server of servers) server.setSecureContext(secureContext(certificate));
    log.info('serving certificate issued', {
      notAfter: new Date(certificate.notAfter).toISOString(),
    });
  }

  const loop = createBackgroundLoop({
    clock,
    random,
    async round() {
      const complete = await work().catch((error: unknown) => {
        log.warn('certificates could not be brought up to date', { error });
        return false;
      });
      return complete ? SYNC_INTERVAL : RETRY_INTERVAL;
    },
  });

  function required(): InForce {
    if (inForce === null)
      throw new ProblemError('NotReady', 'There is no serving certificate yet.');
    return inForce;
  }

  return {
    async sync() {
      await work();
    },
    // Soon, not at once: the first sync was the caller's, and webhooks may have been missing.
    start: () => loop.startIn(RETRY_INTERVAL),
    stop: loop.stop,
    attach(server) {
      servers.push(server);
      server.setSecureContext(secureContext(required().certificate));
    },
    serving: () => required().certificate,
    bundle: () => required().bundle,
    isReady: () => inForce !== null && clock.now() < inForce.certificate.notAfter,
    expirations: () =>
      inForce === null
        ? []
        : [
            { name: 'authority', notAfter: inForce.authority.notAfter },
            { name: 'serving', notAfter: inForce.certificate.notAfter },
          ],
  };
}

function secureContext(certificate: KeyPair): { cert: string; key: string; minVersion: 'TLSv1.3' } {
  return { cert: certificate.pem, key: certificate.key.reveal(), minVersion: 'TLSv1.3' };
}
