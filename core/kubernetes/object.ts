/** The parts of Kubernetes objects that every kind has, and how a kind is addressed. */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Metadata as it is sent: everything may be absent. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: unknown[];
}

/** Metadata as the API server answers: an object that exists has these. */
export interface LiveObjectMeta extends ObjectMeta {
  name: string;
  uid: string;
  resourceVersion: string;
}

/** Any Kubernetes object as it is sent. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** An object that came from the API server. */
export type Live<T extends KubernetesObject> = T & { metadata: LiveObjectMeta };

export interface ListMeta {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

export interface KubernetesList<T extends KubernetesObject> {
  metadata: ListMeta;
  items: Live<T>[];
}

export interface ObjectReference {
  /** Absent or '' for cluster-scoped resources. */
  namespace?: string;
  name: string;
}

declare const objectType: unique symbol;

/** Where a kind lives in the API, and (for the compiler) what its objects look like. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower-case: as in the path. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly [objectType]?: T;
}

/** `group/version`, or only the version for the core group. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** `namespace/name`, or only the name: the key of the stores and queues. */
export function keyOf(reference: ObjectReference): string {
  return reference.namespace ? `${reference.namespace}/${reference.name}` : reference.name;
}

/** The inverse of `keyOf`. */
export function parseKey(key: string): ObjectReference {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Namespace and name of an object that has them. */
export function referenceOf(object: Live<KubernetesObject>): ObjectReference {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

/** A positive decimal integer of any size without leading zeros. */
const WELL_FORMED = /^[1-9][0-9]*$/;

/**
 * Orders resourceVersions of one resource type. KEP-5504 made them comparable, as
 * k8s.io/apimachinery/pkg/util/resourceversion compares them. NaN when one of them is none.
 */
export function compareResourceVersions(a: string, b: string): number {
  if (!WELL_FORMED.test(a) || !WELL_FORMED.test(b)) return Number.NaN;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
