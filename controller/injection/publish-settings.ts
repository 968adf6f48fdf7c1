/**
 * Keeps the sidecars' settings in a ConfigMap of every agent namespace.
 *
 * As with the authority there is no leader: every replica compares and writes. Nothing that was there is adopted: whoever wrote
 * those settings would be the controller of the namespace's sidecars. So the webhook asks here before it injects a pod that would
 * read them.
 */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { backoffDelay } from '../../core/time/backoff.ts';
import type { Clock } from '../../core/time/clock.ts';
import { createBackgroundLoop } from '../../process/background-loop.ts';
import type { Logger } from '../../process/log.ts';
import { writeSettings } from './write-settings.ts';

/** Bounds how long a deleted or changed ConfigMap, or an older bundle of the controller's CA, stays as it is. */
const SYNC_INTERVAL = 30_000;
/** A namespace that is gone for good must not make a storm. */
const RETRY = { firstMilliseconds: 2_000, maximumMilliseconds: SYNC_INTERVAL };
/** Settings that nobody has looked at for so long count as unknown. */
const STALE_MILLISECONDS = 5 * 60_000;
export interface SettingsPublisherOptions {
  client: KubernetesClient;
  agentNamespaces: readonly string[];
  /** The ConfigMap's data as it must be now. */
  desired(): Promise<Record<string, string>>;
  clock: Clock;
  /** From [0, 1), to spread replicas in time. */
  random: () => number;
  log: Logger;
}

export interface SettingsPublisher {
  /** Goes on in the background until `stop`. A failure is logged and tried again. */
  start(): void;
  /** Resolves once the round under way has ended. */
  stop(): Promise<void>;
  /** Whether the settings in a namespace were as they must be when last looked at, which was not long ago. */
  isPublished(namespace: string): boolean;
}

export function createSettingsPublisher(options: SettingsPublisherOptions): SettingsPublisher {
  const { client, agentNamespaces, desired, clock, random, log } = options;
  /** When each namespace's settings were last seen as they must be, monotonic ms. */
  const seen = new Map<string, number>();
  /** In a row. */
  let failures = 0;

  /** @returns whether it worked in every namespace */
  async function sync(): Promise<boolean> {
    const data = await desired();
    const done = await Promise.all(
      agentNamespaces.map(async (namespace) => {
        try {
          if (await writeSettings(client, namespace, data)) {
            log.info('the sidecar settings of a namespace were written', { namespace });
          }
          seen.set(namespace, clock.monotonic());
          return true;
        } catch (error) {
          seen.delete(namespace);
          log.warn('the sidecar settings of a namespace could not be written', {
            namespace,
            error,
          });
          return false;
        }
      }),
    );
    return !done.includes(false);
  }

  const loop = createBackgroundLoop({
    clock,
    random,
    async round() {
      const worked = await sync().catch((error: unknown) => {
        log.warn('the sidecar settings could not be assembled', { error });
        return false;
      });
      failures = worked ? 0 : failures + 1;
      // The whole pause: the loop itself spreads its rounds.
      return worked ? SYNC_INTERVAL : backoffDelay(RETRY, failures, () => 1);
    },
  });

  return {
    start: loop.start,
    stop: loop.stop,
    isPublished(namespace) {
      const at = seen.get(namespace);
      return at !== undefined && clock.monotonic() - at < STALE_MILLISECONDS;
    },
  };
}
