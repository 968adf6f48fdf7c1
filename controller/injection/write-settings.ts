/**
 * The ConfigMap with the sidecars' settings in one namespace: read, compared, written. Each write is a compare-and-swap, so
 * replicas may race each other.
 */

import { SIDECAR_CONFIG_MAP } from '../../core/api/pod-layout.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Live } from '../../core/kubernetes/object.ts';
import { type ConfigMap, configMaps } from '../../core/kubernetes/resources.ts';

/** Replicas that race each other need a round or two; more means that something else writes, too. */
const MAX_ROUNDS = 6;

const LABELS = { 'app.kubernetes.io/name': 'actiongrant' } as const;

/**
 * Makes the data of a namespace's ConfigMap exactly this.
 *
 * @returns whether anything had to be written
 * @throws KubernetesError
 */
export async function writeSettings(
  client: KubernetesClient,
  namespace: string,
  data: Record<string, string>,
): Promise<boolean> {
  for (let round = 1; ; round++) {
    const current = await read(client, namespace);
    try {
      return await write(client, namespace, data, settingsChange(current, data));
    } catch (error) {
      const raced = isKubernetesError(error, 'AlreadyExists', 'Conflict');
      if (!raced || round === MAX_ROUNDS) throw error;
    }
  }
}

async function read(client: KubernetesClient, namespace: string): Promise<Live<ConfigMap> | null> {
  try {
    return await client.get(configMaps, { namespace, name: SIDECAR_CONFIG_MAP });
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return null;
    throw error;
  }
}

/** What makes the ConfigMap as it must be. Replacing and deleting name the object that was compared. */
export type SettingsChange =
  | { type: 'None' }
  | { type: 'Create' }
  | { type: 'Replace'; uid: string; resourceVersion: string }
  | { type: 'DeleteAndCreate'; uid: string };

/** Pure. `current`: null if there is none. */
export function settingsChange(
  current: Live<ConfigMap> | null,
  data: Readonly<Record<string, string>>,
): SettingsChange {
  if (current === null) return { type: 'Create' };
  const { uid, resourceVersion } = current.metadata;
  // An immutable one, left by somebody before there was a policy, cannot be changed, and could not follow the next rotation.
  if (current.immutable === true) return { type: 'DeleteAndCreate', uid };
  return isExactly(current, data) ? { type: 'None' } : { type: 'Replace', uid, resourceVersion };
}

/** One that is being deleted will be gone, so it is never as it must be. */
function isExactly(
  { data: found = {}, binaryData = {}, metadata }: Live<ConfigMap>,
  data: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(data);
  return (
    metadata.deletionTimestamp === undefined &&
    Object.keys(binaryData).length === 0 &&
    Object.keys(found).length === keys.length &&
    keys.every((key) => found[key] === data[key])
  );
}

/** @returns whether there was anything to write */
async function write(
  client: KubernetesClient,
  namespace: string,
  data: Record<string, string>,
  change: SettingsChange,
): Promise<boolean> {
  const name = SIDECAR_CONFIG_MAP;
  const metadata = { namespace, name, labels: LABELS };
  switch (change.type) {
    case 'None':
      return false;
    case 'Replace': {
      const { uid, resourceVersion } = change;
      await client.replace(configMaps, { metadata: { ...metadata, uid, resourceVersion }, data });
      return true;
    }
    case 'DeleteAndCreate':
      await client.delete(configMaps, { namespace, name }, { uid: change.uid });
      await client.create(configMaps, { metadata, data });
      return true;
    case 'Create':
      await client.create(configMaps, { metadata, data });
      return true;
  }
}
