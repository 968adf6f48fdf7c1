/** Where the bundle to trust is published: a ConfigMap for sidecars, and the caBundle of our webhooks for the API server. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Live, Resource } from '../../core/kubernetes/object.ts';
import {
  type ConfigMap,
  configMaps,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  type WebhookConfiguration,
} from '../../core/kubernetes/resources.ts';
import { AUTHORITY_NAME } from './store.ts';

/** Key of the bundle in the ConfigMap. */
export const BUNDLE_KEY = 'ca.crt';
/** Name of the first webhook configurations in the chart. */
export const WEBHOOK_CONFIGURATION_NAME = 'actiongrant';
/**
 * Name of the configuration that injects pods once more. Configurations are called in the order of their names, so this one
 * is called after those of others, and what they did to injected containers is undone.
 */
export const LAST_WEBHOOK_CONFIGURATION_NAME = 'zz-actiongrant';

const WEBHOOK_CONFIGURATIONS = [
  { resource: mutatingWebhookConfigurations, name: WEBHOOK_CONFIGURATION_NAME },
  { resource: mutatingWebhookConfigurations, name: LAST_WEBHOOK_CONFIGURATION_NAME },
  { resource: validatingWebhookConfigurations, name: WEBHOOK_CONFIGURATION_NAME },
] as const;

/** What is published now. null: the object is not there. */
export interface Published {
  configMap: Live<ConfigMap> | null;
  webhooks: readonly {
    resource: Resource<WebhookConfiguration>;
    name: string;
    configuration: Live<WebhookConfiguration> | null;
  }[];
}

export async function readPublished(
  client: KubernetesClient,
  namespace: string,
): Promise<Published> {
  const [configMap, ...configurations] = await Promise.all([
    orNull(client.get(configMaps, { namespace, name: AUTHORITY_NAME })),
    ...WEBHOOK_CONFIGURATIONS.map(async ({ resource, name }) => ({
      resource,
      name,
      configuration: await orNull(client.get(resource, { name })),
    })),
  ]);
  return { configMap, webhooks: configurations };
}

/**
 * Brings what is published to `bundle`, writing only what differs.
 * @returns false if somebody else wrote in between: read again.
 */
export async function publish(
  client: KubernetesClient,
  namespace: string,
  published: Published,
  bundle: string,
): Promise<boolean> {
  try {
    await publishConfigMap(client, namespace, published.configMap, bundle);
    for (const { resource, name, configuration } of published.webhooks) {
      const body = caBundlePatch(configuration, bundle);
      if (body === null) continue;
      await client.patch(resource, { name }, { type: 'JSON', body });
    }
    return true;
  } catch (error) {
    if (isKubernetesError(error, 'AlreadyExists', 'Conflict', 'NotFound')) return false;
    throw error;
  }
}

async function publishConfigMap(
  client: KubernetesClient,
  namespace: string,
  current: Live<ConfigMap> | null,
  bundle: string,
): Promise<void> {
  if (current === null) {
    await client.create(configMaps, {
      metadata: {
        namespace,
        name: AUTHORITY_NAME,
        labels: { 'app.kubernetes.io/name': 'actiongrant' },
      },
      data: { [BUNDLE_KEY]: bundle },
    });
  } else if (current.data?.[BUNDLE_KEY] !== bundle) {
    await client.replace(configMaps, { ...current, data: { [BUNDLE_KEY]: bundle } });
  }
}

/** A JSON patch (RFC 6902) that sets the caBundles that differ, or null if none does. */
export function caBundlePatch(
  configuration: Live<WebhookConfiguration> | null,
  bundle: string,
): unknown[] | null {
  const caBundle = Buffer.from(bundle, 'utf8').toString('base64');
  const operations = (configuration?.webhooks ?? []).flatMap((webhook, index) =>
    webhook.clientConfig.caBundle === caBundle
      ? []
      : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }],
  );
  if (configuration === null || operations.length === 0) return null;
  // Indexes hold for this version only; a resourceVersion in a patch makes it a compare-and-swap.
  const { resourceVersion } = configuration.metadata;
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...operations,
  ];
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return null;
    throw error;
  }
}
