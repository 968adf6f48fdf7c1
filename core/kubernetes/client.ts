/**
 * An exact, thin REST client of the API server: one method a verb, no retries of its own, and an error for every way a call
 * can end. The typed client of @kubernetes/client-node opens a connection a call, and cannot tell a write that was never sent
 * from one that may have been applied.
 */

import type {
  KubernetesList,
  KubernetesObject,
  Live,
  ObjectReference,
  Resource,
} from './object.ts';
import type {
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
  TokenRequestSpec,
  TokenRequestStatus,
  TokenReviewSpec,
  TokenReviewStatus,
} from './reviews.ts';
import type { WatchEvent } from './watch.ts';

export interface CallOptions {
  signal?: AbortSignal;
  /** From the call to the last byte of the answer, waiting for a connection included. */
  timeoutMilliseconds?: number;
}

export interface WriteOptions extends CallOptions {
  dryRun?: boolean;
  fieldManager?: string;
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion: string;
  allowWatchBookmarks?: boolean;
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

export interface Patch {
  type: 'JSON' | 'Merge' | 'StrategicMerge' | 'Apply';
  body: unknown;
  /** Apply only: take over fields of other managers. */
  force?: boolean;
}

export interface PatchOptions extends WriteOptions {
  subresource?: string;
}

export interface DeleteOptions extends CallOptions {
  /** Precondition: delete only the object with this UID. */
  uid?: string;
  /** Precondition: delete only this version. */
  resourceVersion?: string;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/**
 * - `deleted`: the API server says it is gone.
 * - `notFound`: there was none.
 * - `uidMismatch`: the name belongs to another object now, so the one that was meant is gone.
 * - `terminating`: not gone: finalizers or a grace period hold it.
 */
export type DeleteResult = 'deleted' | 'notFound' | 'uidMismatch' | 'terminating';

/** Every method throws KubernetesError, and nothing else. */
export interface KubernetesClient {
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options?: CallOptions,
  ): Promise<Live<T>>;
  /** One page. */
  list<T extends KubernetesObject>(
    resource: Resource<T>,
    options?: ListOptions,
  ): Promise<KubernetesList<T>>;
  /** `metadata.namespace` says where. apiVersion and kind are filled in. */
  create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<Live<T>>;
  /** PUT. With `metadata.resourceVersion` it is a compare-and-swap. */
  replace<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<Live<T>>;
  /** PUT of the status subresource. `metadata.uid` and `.resourceVersion` are preconditions. */
  replaceStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<Live<T>>;
  patch<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    patch: Patch,
    options?: PatchOptions,
  ): Promise<Live<T>>;
  delete(
    resource: Resource,
    reference: ObjectReference,
    options?: DeleteOptions,
  ): Promise<DeleteResult>;
  /**
   * Mints a token. A failed call changes nothing that anyone can use, so its failures are
   * `Unavailable`, never `Ambiguous`: a token whose answer was lost is known to nobody.
   */
  tokenRequest(
    serviceAccount: ObjectReference,
    spec: TokenRequestSpec,
    options?: CallOptions,
  ): Promise<TokenRequestStatus>;
  tokenReview(spec: TokenReviewSpec, options?: CallOptions): Promise<TokenReviewStatus>;
  subjectAccessReview(
    spec: SubjectAccessReviewSpec,
    options?: CallOptions,
  ): Promise<SubjectAccessReviewStatus>;
  /** Ends when the server ends it; throws KubernetesError (`Gone`: list again). */
  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>;
  /** GET of a non-resource path that answers JSON, such as `/openid/v1/jwks`. */
  raw(path: string, options?: CallOptions): Promise<unknown>;
  /** Waits for calls in flight, ends watches, closes the connections. */
  close(): Promise<void>;
}
