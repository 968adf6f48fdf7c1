/** The API's verbs as requests, and its answers as objects. */

import { asList, asLive } from './answer-object.ts';
import type {
  CallOptions,
  KubernetesClient,
  ListOptions,
  Patch,
  PatchOptions,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { deleteObject } from './deletion.ts';
import {
  apiVersionOf,
  type KubernetesList,
  type KubernetesObject,
  type Live,
  type ObjectReference,
  type Resource,
} from './object.ts';
import { collectionPath, creationPath, objectPath, withQuery } from './paths.ts';
import { createReviewCalls } from './review-calls.ts';
import { type ApiRequest, createSender } from './sender.ts';
import type { Transport } from './transport.ts';
import { type WatchEvent, watchEvents } from './watch.ts';

const PATCH_CONTENT_TYPES: Record<Patch['type'], string> = {
  JSON: 'application/json-patch+json',
  Merge: 'application/merge-patch+json',
  StrategicMerge: 'application/strategic-merge-patch+json',
  // YAML is a superset of JSON.
  Apply: 'application/apply-patch+yaml',
};

/** @param timeoutMilliseconds of calls whose options say nothing of it */
export function createRestClient(
  transport: Transport,
  timeoutMilliseconds: number,
): KubernetesClient {
  const { send, stream } = createSender(transport, timeoutMilliseconds);

  const write = async <T extends KubernetesObject>(
    request: ApiRequest,
    options: WriteOptions,
  ): Promise<Live<T>> => asLive<T>(await send('Write', request, options), 'Write');

  const put = <T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    subresource: 'status' | undefined,
    options: WriteOptions,
  ): Promise<Live<T>> => {
    const { namespace, name = '' } = object.metadata ?? {};
    const reference = namespace === undefined ? { name } : { namespace, name };
    const path = withWriteQuery(objectPath(resource, reference, subresource), options);
    return write({ method: 'PUT', path, body: typed(resource, object) }, options);
  };

  return {
    async get<T extends KubernetesObject>(
      resource: Resource<T>,
      reference: ObjectReference,
      options: CallOptions = {},
    ): Promise<Live<T>> {
      const path = objectPath(resource, reference);
      return asLive<T>(await send('None', { method: 'GET', path }, options), 'None');
    },
    async list<T extends KubernetesObject>(
      resource: Resource<T>,
      options: ListOptions = {},
    ): Promise<KubernetesList<T>> {
      const { namespace, signal, timeoutMilliseconds: _, ...parameters } = options;
      const path = withQuery(collectionPath(resource, namespace), parameters);
      return asList(resource, await send('None', { method: 'GET', path }, options));
    },
    async create<T extends KubernetesObject>(
      resource: Resource<T>,
      object: T,
      options: WriteOptions = {},
    ): Promise<Live<T>> {
      const path = withWriteQuery(creationPath(resource, object.metadata?.namespace), options);
      return write({ method: 'POST', path, body: typed(resource, object) }, options);
    },
    replace: async (resource, object, options = {}) => put(resource, object, undefined, options),
    replaceStatus: async (resource, object, options = {}) =>
      put(resource, object, 'status', options),
    async patch<T extends KubernetesObject>(
      resource: Resource<T>,
      reference: ObjectReference,
      patch: Patch,
      options: PatchOptions = {},
    ): Promise<Live<T>> {
      const force = patch.type === 'Apply' ? patch.force : undefined;
      const own = objectPath(resource, reference, options.subresource);
      const path = withWriteQuery(own, options, { force });
      const contentType = PATCH_CONTENT_TYPES[patch.type];
      return write({ method: 'PATCH', path, body: patch.body, contentType }, options);
    },
    delete: (resource, reference, options = {}) => deleteObject(send, resource, reference, options),
    ...createReviewCalls(send),
    async *watch<T extends KubernetesObject>(
      resource: Resource<T>,
      options: WatchOptions,
    ): AsyncGenerator<WatchEvent<T>, void, undefined> {
      const { namespace, signal, ...parameters } = options;
      const path = withQuery(collectionPath(resource, namespace), { ...parameters, watch: true });
      yield* stream(path, signal, watchEvents<T>);
    },
    raw: (path, options = {}) => send('None', { method: 'GET', path }, options),
    close: () => transport.close(),
  };
}

/** The object with its type: items of built-in lists come without one, and the API server takes nothing without one. */
function typed<T extends KubernetesObject>(resource: Resource<T>, object: T): object {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function withWriteQuery(
  path: string,
  { dryRun, fieldManager }: WriteOptions,
  more: Record<string, boolean | undefined> = {},
): string {
  return withQuery(path, { dryRun: dryRun ? 'All' : undefined, fieldManager, ...more });
}
