/** Resource paths of the API server. @throws KubernetesError BadRequest for names that would lead elsewhere */

import { KubernetesError } from './error.ts';
import type { ObjectReference, Resource } from './object.ts';

/** Of the collection: all namespaces when `namespace` is absent. */
export function collectionPath(resource: Resource, namespace: string | undefined): string {
  const root =
    resource.group === ''
      ? `/api/${resource.version}`
      : `/apis/${resource.group}/${resource.version}`;
  return resource.namespaced && namespace
    ? `${root}/namespaces/${segment(namespace)}/${resource.resource}`
    : `${root}/${resource.resource}`;
}

export function objectPath(
  resource: Resource,
  reference: ObjectReference,
  subresource?: string,
): string {
  const path = `${collectionPath(resource, ownNamespace(resource, reference))}/${segment(reference.name)}`;
  return subresource ? `${path}/${subresource}` : path;
}

/** Where an object of this resource is created. */
export function creationPath(resource: Resource, namespace: string | undefined): string {
  return collectionPath(resource, ownNamespace(resource, { namespace, name: 'new' }));
}

export function withQuery(
  path: string,
  parameters: Record<string, string | number | boolean | undefined>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

function ownNamespace(
  resource: Resource,
  reference: { namespace?: string | undefined; name: string },
): string | undefined {
  if (!resource.namespaced) return undefined;
  if (!reference.namespace) {
    throw new KubernetesError('BadRequest', `${resource.kind}: a namespace is needed`);
  }
  return reference.namespace;
}

/** One path segment. Empty would turn the deletion of an object into that of all of them; dots would leave the collection. */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..') {
    throw new KubernetesError('BadRequest', `"${text}" is not a name`);
  }
  return encodeURIComponent(text);
}
