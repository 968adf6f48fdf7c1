/** What a successful answer holds: a JSON object, an object of Kubernetes, or a list of them. */

import { isRecord } from '../text/json.ts';
import { type Effect, KubernetesError } from './error.ts';
import {
  apiVersionOf,
  type KubernetesList,
  type KubernetesObject,
  type Live,
  type Resource,
} from './object.ts';
import type { TransportAnswer } from './transport.ts';

/** The JSON object of an answer. @throws KubernetesError; of a write `Ambiguous`: it was carried out, and nobody knows how */
export function objectOfAnswer(answer: TransportAnswer, effect: Effect): Record<string, unknown> {
  const object = parseObject(answer.body);
  if (object) return object;
  throw new KubernetesError(unreadable(effect), 'the answer is not a JSON object', {
    httpStatus: answer.status,
  });
}

/** The object, if it is one that exists: it has a UID. @throws KubernetesError as `objectOfAnswer` */
export function asLive<T extends KubernetesObject>(
  object: Record<string, unknown>,
  effect: Effect,
): Live<T> {
  const metadata = object['metadata'];
  if (isRecord(metadata) && typeof metadata['uid'] === 'string') {
    return object as unknown as Live<T>;
  }
  throw new KubernetesError(unreadable(effect), 'the answer is not a Kubernetes object');
}

/** One page of a list. @throws KubernetesError Malformed */
export function asList<T extends KubernetesObject>(
  resource: Resource<T>,
  object: Record<string, unknown>,
): KubernetesList<T> {
  const { metadata, items } = object;
  if (!isRecord(metadata) || typeof metadata['resourceVersion'] !== 'string' || !isArray(items)) {
    throw new KubernetesError('Malformed', 'the answer is not a Kubernetes list');
  }
  // Items of built-in lists carry neither.
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return {
    metadata: metadata as unknown as KubernetesList<T>['metadata'],
    items: items.map((item) => {
      if (!isRecord(item)) throw new KubernetesError('Malformed', 'a list item is not an object');
      return { ...type, ...asLive<T>(item, 'None') };
    }),
  };
}

/** The text as a JSON object; undefined: it is something else. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(effect: Effect): 'Ambiguous' | 'Malformed' {
  return effect === 'Write' ? 'Ambiguous' : 'Malformed';
}

function isArray(value: unknown): value is unknown[] {
  return Array.isArray(value);
}
