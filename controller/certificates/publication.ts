/** Where the bundle to trust is published: a ConfigMap for sidecars, and the caBundle of our webhooks for the API server. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { KubernetesObject, Live, Resource } from '../../core/kubernetes/object.ts';
import { type ConfigMap, configMaps } from '../../core/kubernetes/resources.ts';
import { AUTHORITY_NAME } from './store.ts';

/** Key of the bundle in the ConfigMap. */
export const BUNDLE_KEY = 'ca.crt';
/** Name of both webhook configurations in the chart. */
export const WEBHOOK_CONFIGURATION_NAME = 'actiongrant';

export interface WebhookConfiguration extends KubernetesObject {
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[];
}

const admissionregistration = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  namespaced: false,
} as const;

const WEBHOOK_CONFIGURATIONS: readonly Resource<WebhookConfiguration>[] = [
  {
    ...admissionregistration,
    resource: 'mutatingwebhookconfigurations',
    kind: 'MutatingWebhookConfiguration',
  },
  {
    ...admissionregistration,
    resource: 'validatingwebhookconfigurations',
    kind: 'ValidatingWebhookConfiguration',
  },
];

/** What is published now. null: the object is not there. */
export interface Published {
  configMap: Live<ConfigMap> | null;
  webhooks: readonly {
    resource: Resource<WebhookConfiguration>;
    configuration: Live<WebhookConfiguration> | null;
  }[];
}

export async function readPublished(
  client: KubernetesClient,
  namespace: string,
): Promise<Published> {
  const [configMap, ...configurations] = await Promise.all([
    orNull(client.get(configMaps, { namespace, name: AUTHORITY_NAME })),
    ...WEBHOOK_CONFIGURATIONS.map(async (resource) => ({
      resource,
      configuration: await orNull(client.get(resource, { name: WEBHOOK_CONFIGURATION_NAME })),
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
    for (const { resource, configuration } of published.webhooks) {
      const body = caBundlePatch(configuration, bundle);
      if (body === null) continue;
      await client.patch(resource, { name: WEBHOOK_CONFIGURATION_NAME }, { type: 'JSON', body });
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
