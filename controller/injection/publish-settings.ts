/**
 * Keeps the sidecars' settings in a ConfigMap of every agent namespace.
 *
 * As with the authority there is no leader: every replica compares, and each write is a compare-and-swap. Nothing that was
 * there is adopted: whoever wrote those settings would be the controller of the namespace's sidecars. So the webhook asks
 * here before it injects a pod that would read them.
 */

import { SIDECAR_CONFIG_MAP } from '../../core/api/pod-layout.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Live } from '../../core/kubernetes/object.ts';
import { type ConfigMap, configMaps } from '../../core/kubernetes/resources.ts';
import type { Clock } from '../../core/time/clock.ts';
import { createBackgroundLoop } from '../../process/background-loop.ts';
import type { Logger } from '../../process/log.ts';

/** Bounds how long a deleted or changed ConfigMap, or an older bundle of the controller's CA, stays as it is. */
const SYNC_INTERVAL = 30_000;
/** After a first failure; doubled by each that follows. A namespace that is gone for good must not make a storm. */
const RETRY_INTERVAL = 2_000;
/** What was not looked at for so long counts as unknown. */
const STALE_MILLISECONDS = 5 * 60_000;
/** Replicas that race each other need a round or two; more means that something else writes, too. */
const MAX_ROUNDS = 6;

const LABELS = { 'app.kubernetes.io/name': 'actiongrant' } as const;

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
  /** Whether the settings in a namespace were ours when last looked at, which was not long ago. */
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
          if (await publish(client, namespace, data)) {
            log.info('settings of sidecars written', { namespace });
          }
          seen.set(namespace, clock.monotonic());
          return true;
        } catch (error) {
          seen.delete(namespace);
          log.warn('settings of sidecars could not be written', { namespace, error });
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
        log.warn('settings of sidecars could not be put together', { error });
        return false;
      });
      failures = worked ? 0 : failures + 1;
      return worked ? SYNC_INTERVAL : Math.min(SYNC_INTERVAL, RETRY_INTERVAL * 2 ** (failures - 1));
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

/**
 * @returns whether anything had to be written
 * @throws KubernetesError
 */
async function publish(
  client: KubernetesClient,
  namespace: string,
  data: Record<string, string>,
): Promise<boolean> {
  for (let round = 1; ; round++) {
    try {
      return await publishOnce(client, namespace, data);
    } catch (error) {
      const raced = isKubernetesError(error, 'AlreadyExists', 'Conflict');
      if (!raced || round === MAX_ROUNDS) throw error;
    }
  }
}

async function publishOnce(
  client: KubernetesClient,
  namespace: string,
  data: Record<string, string>,
): Promise<boolean> {
  const metadata = { namespace, name: SIDECAR_CONFIG_MAP, labels: LABELS };
  const current = await read(client, namespace);
  if (current !== null && isExactly(current, data)) return false;
  if (current !== null && current.immutable !== true) {
    const { uid, resourceVersion } = current.metadata;
    await client.replace(configMaps, { metadata: { ...metadata, uid, resourceVersion }, data });
    return true;
  }
  if (current !== null) {
    // Left by somebody before there was a policy: it cannot be changed, only taken away.
    const { uid } = current.metadata;
    await client.delete(configMaps, { namespace, name: SIDECAR_CONFIG_MAP }, { uid });
  }
  await client.create(configMaps, { metadata, data });
  return true;
}

async function read(client: KubernetesClient, namespace: string): Promise<Live<ConfigMap> | null> {
  try {
    return await client.get(configMaps, { namespace, name: SIDECAR_CONFIG_MAP });
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return null;
    throw error;
  }
}

/** An immutable one could not follow the next rotation; one that is being deleted will be gone. */
function isExactly(current: Live<ConfigMap>, data: Record<string, string>): boolean {
  const { data: found = {}, binaryData = {}, immutable, metadata } = current;
  const keys = Object.keys(data);
  return (
    immutable !== true &&
    metadata.deletionTimestamp === undefined &&
    Object.keys(binaryData).length === 0 &&
    Object.keys(found).length === keys.length &&
    keys.every((key) => found[key] === data[key])
  );
}
