/** What a namespace and others in the cluster have to do with its pods, as read from the API server when it matters. */

import type { KubernetesClient } from '../../../core/kubernetes/client.ts';
import type { KubernetesObject } from '../../../core/kubernetes/object.ts';
import {
  limitRanges,
  mutatingWebhookConfigurations,
  resourceQuotas,
} from '../../../core/kubernetes/resources.ts';
import type { NamespaceLimits } from '../../injection/namespace-limits.ts';
import { webhooksOfOthers } from './other-webhooks.ts';

type Labels = Readonly<Record<string, string>>;

export interface NamespaceFacts {
  /** Annotation SIDECAR_RESOURCES_ANNOTATION. */
  sidecarResources(namespace: string): string | undefined;
  /** Empty if they cannot be read: then their admission plugins speak for themselves. */
  limits(namespace: string): Promise<NamespaceLimits>;
  /** For the words of a refusal. Empty if they cannot be read. */
  webhooksOfOthers(namespace: string, pod: KubernetesObject): Promise<readonly string[]>;
}

export interface NamespaceFactsOptions {
  client: Pick<KubernetesClient, 'list'>;
  labelsOf(namespace: string): Labels | undefined;
  sidecarResources(namespace: string): string | undefined;
  onError(error: unknown): void;
}

/** Of the seconds that the API server waits for a webhook. */
const READ_MILLISECONDS = 1_500;
/** More than anybody has. What is beyond is not looked at. */
const MOST = 100;

export function createNamespaceFacts({
  client,
  labelsOf,
  sidecarResources,
  onError,
}: NamespaceFactsOptions): NamespaceFacts {
  const orNothing = async <T>(answer: Promise<{ items: T[] }>): Promise<T[]> => {
    try {
      return (await answer).items;
    } catch (error) {
      onError(error);
      return [];
    }
  };
  const options = { limit: MOST, timeoutMilliseconds: READ_MILLISECONDS };
  return {
    sidecarResources,
    async limits(namespace) {
      const [ranges, quotas] = await Promise.all([
        orNothing(client.list(limitRanges, { ...options, namespace })),
        orNothing(client.list(resourceQuotas, { ...options, namespace })),
      ]);
      return { limitRanges: ranges, resourceQuotas: quotas };
    },
    async webhooksOfOthers(namespace, pod) {
      const all = await orNothing(client.list(mutatingWebhookConfigurations, options));
      return webhooksOfOthers(all, {
        namespace: labelsOf(namespace) ?? {},
        pod: pod.metadata?.labels ?? {},
      });
    },
  };
}
