/** The API's verbs as requests, and answers as objects. */
import { Buffer } from 'node:buffer';
import { isRecord } from '../text/json.ts';
import { type Effect, errorOfAnswer, errorOfTransport, objectOfAnswer } from './answer.ts';
import type {
  CallOptions,
  DeleteOptions,
  DeleteResult,
  KubernetesClient,
  ListOptions,
  Patch,
  PatchOptions,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { isKubernetesError, KubernetesError } from './error.ts';
import {
  apiVersionOf,
  type KubernetesList,
  type KubernetesObject,
  type Live,
  type ObjectReference,
  type Resource,
} from './object.ts';
import { collectionPath, creationPath, objectPath, withQuery } from './paths.ts';
import { serviceAccounts } from './resources.ts';
import type {
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
  TokenRequestSpec,
  TokenRequestStatus,
  TokenReviewSpec,
  TokenReviewStatus,
} from './reviews.ts';
import {
  type Transport,
  type TransportAnswer,
  TransportError,
  type TransportRequest,
} from './transport.ts';
import { type WatchEvent, watchEvents } from './watch.ts';

/** What a request is, apart from how long it may take. */
type Exchange = Pick<TransportRequest, 'method' | 'path' | 'contentType'> & { body?: unknown };

const patchContentTypes: Record<Patch['type'], string> = {
  JSON: 'application/json-patch+json',
  Merge: 'application/merge-patch+json',
  StrategicMerge: 'application/strategic-merge-patch+json',
  // YAML is a superset of JSON.
  Apply: 'application/apply-patch+yaml',
};

/** See KubernetesClient: this is it. */
export class RestClient implements KubernetesClient {
  readonly #transport: Transport;
  readonly #timeoutMilliseconds: number;

  constructor(transport: Transport, timeoutMilliseconds: number) {
    this.#transport = transport;
    this.#timeoutMilliseconds = timeoutMilliseconds;
  }

  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options: CallOptions = {},
  ): Promise<Live<T>> {
    const path = objectPath(resource, reference);
    return asLive<T>(await this.#send('None', { method: 'GET', path }, options), 'None');
  }

  async list<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<KubernetesList<T>> {
    const { namespace, signal, timeoutMilliseconds, ...parameters } = options;
    const path = withQuery(collectionPath(resource, namespace), parameters);
    return asList(resource, await this.#send('None', { method: 'GET', path }, options));
  }

  async create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<Live<T>> {
    const path = withWriteQuery(creationPath(resource, object.metadata?.namespace), options);
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
    return asLive<T>(await this.#send('Write', { method: 'POST', path, body }, options), 'Write');
  }

  replace<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<Live<T>> {
    return this.#put(resource, object, undefined, options);
  }

  replaceStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<Live<T>> {
    return this.#put(resource, object, 'status', options);
  }

  async #put<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    subresource: string | undefined,
    options: WriteOptions,
  ): Promise<Live<T>> {
    const { namespace, name = '' } = object.metadata ?? {};
    const reference = namespace === undefined ? { name } : { namespace, name };
    const path = withWriteQuery(objectPath(resource, reference, subresource), options);
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
    return asLive<T>(await this.#send('Write', { method: 'PUT', path, body }, options), 'Write');
  }

  async patch<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    patch: Patch,
    options: PatchOptions = {},
  ): Promise<Live<T>> {
    const force = patch.type === 'Apply' ? patch.force : undefined;
    const path = withWriteQuery(objectPath(resource, reference, options.subresource), options, {
      force,
    });
    const contentType = patchContentTypes[patch.type];
    const exchange: Exchange = { method: 'PATCH', path, body: patch.body, contentType };
    return asLive<T>(await this.#send('Write', exchange, options), 'Write');
  }

  async delete(
    resource: Resource,
    reference: ObjectReference,
    options: DeleteOptions = {},
  ): Promise<DeleteResult> {
    const { uid, resourceVersion, propagationPolicy } = options;
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'meta/v1',
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      preconditions: {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    };
    const path = objectPath(resource, reference);
    try {
      const answer = await this.#send('Write', { method: 'DELETE', path, body }, options);
      const done = answer['kind'] === 'Status' && answer['status'] === 'Success';
      // An object, whatever its metadata says, is not a proof: asking again gives NotFound.
      return done ? 'deleted' : 'terminating';
    } catch (error) {
      if (isKubernetesError(error, 'NotFound')) return 'notFound';
      if (uid !== undefined && isKubernetesError(error, 'Conflict')) {
        if (provesOtherUid(error.message, uid)) return 'uidMismatch';
      }
      throw error;
    }
  }

  async tokenRequest(
    serviceAccount: ObjectReference,
    spec: TokenRequestSpec,
    options: CallOptions = {},
  ): Promise<TokenRequestStatus> {
    const path = objectPath(serviceAccounts, serviceAccount, 'token');
    const status = await this.#review(
      path,
      'authentication.k8s.io/v1',
      'TokenRequest',
      spec,
      options,
    );
    const { token, expirationTimestamp } = status;
    if (typeof token !== 'string' || typeof expirationTimestamp !== 'string') {
      throw new KubernetesError('Malformed', 'a TokenRequest was answered without a token');
    }
    return { token, expirationTimestamp };
  }

  async tokenReview(spec: TokenReviewSpec, options: CallOptions = {}): Promise<TokenReviewStatus> {
    const path = '/apis/authentication.k8s.io/v1/tokenreviews';
    return this.#review(path, 'authentication.k8s.io/v1', 'TokenReview', spec, options);
  }

  async subjectAccessReview(
    spec: SubjectAccessReviewSpec,
    options: CallOptions = {},
  ): Promise<SubjectAccessReviewStatus> {
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const status = await this.#review(
      path,
      'authorization.k8s.io/v1',
      'SubjectAccessReview',
      spec,
      options,
    );
    return { ...status, allowed: status['allowed'] === true };
  }

  async #review(
    path: string,
    apiVersion: string,
    kind: string,
    spec: unknown,
    options: CallOptions,
  ): Promise<Record<string, unknown>> {
    const body = { apiVersion, kind, spec };
    const answer = await this.#send('None', { method: 'POST', path, body }, options);
    const status = answer['status'];
    if (isRecord(status)) return status;
    throw new KubernetesError('Malformed', `a ${kind} was answered without a status`);
  }

  async *watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { namespace, signal, ...parameters } = options;
    const path = withQuery(collectionPath(resource, namespace), { ...parameters, watch: true });
    try {
      const stream = await this.#transport.stream(
        this.#transportRequest({ method: 'GET', path }, { ...(signal ? { signal } : {}) }),
      );
      if (stream.status !== 200) {
        const answer: TransportAnswer = { ...stream, body: await readText(stream.body) };
        throw this.#refused(answer, 'None');
      }
      yield* watchEvents<T>(stream.body);
    } catch (error) {
      if (signal?.aborted) throw new KubernetesError('Aborted', 'the watch was aborted');
      throw isKubernetesError(error)
        ? error
        : new KubernetesError('Unavailable', 'the watch was cut off');
    }
  }

  raw(path: string, options: CallOptions = {}): Promise<unknown> {
    return this.#send('None', { method: 'GET', path }, options);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #send(
    effect: Effect,
    exchange: Exchange,
    options: CallOptions,
  ): Promise<Record<string, unknown>> {
    let answer: TransportAnswer;
    try {
      answer = await this.#transport.request(this.#transportRequest(exchange, options));
    } catch (error) {
      throw error instanceof TransportError ? errorOfTransport(error, effect) : error;
    }
    if (answer.status >= 200 && answer.status < 300) return objectOfAnswer(answer, effect);
    throw this.#refused(answer, effect);
  }

  #refused(answer: TransportAnswer, effect: Effect): KubernetesError {
    if (answer.status === 401) this.#transport.distrustCredentials();
    return errorOfAnswer(answer, effect);
  }

  #transportRequest(exchange: Exchange, options: CallOptions): TransportRequest {
    const { body, ...request } = exchange;
    return {
      ...request,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMilliseconds: options.timeoutMilliseconds ?? this.#timeoutMilliseconds,
      ...(options.signal ? { signal: options.signal } : {}),
    };
  }
}

function withWriteQuery(
  path: string,
  options: WriteOptions,
  more: Record<string, boolean | undefined> = {},
): string {
  const { dryRun, fieldManager } = options;
  return withQuery(path, { dryRun: dryRun ? 'All' : undefined, fieldManager, ...more });
}

function asLive<T extends KubernetesObject>(
  object: Record<string, unknown>,
  effect: Effect,
): Live<T> {
  const metadata = object['metadata'];
  if (isRecord(metadata) && typeof metadata['uid'] === 'string') {
    return object as unknown as Live<T>;
  }
  const kind = effect === 'Write' ? 'Ambiguous' : 'Malformed';
  throw new KubernetesError(kind, 'the answer is not a Kubernetes object');
}

function asList<T extends KubernetesObject>(
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

function isArray(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

/**
 * Whether a 409 says that the name belongs to an object with another UID. kube-apiserver has no
 * machine-readable form of it, other 409s exist (a terminating namespace, an admission webhook's
 * own code), and the controller may not read Secrets. What isn't understood is a conflict, which
 * claims no deletion.
 */
function provesOtherUid(message: string, uid: string): boolean {
  return uidConflicts.some((pattern) => {
    const match = pattern.exec(message);
    return match !== null && match[1] === uid && match[2] !== uid;
  });
}

/** k8s.io/apiserver: registry/rest/delete.go looks first, storage/interfaces.go in the write. */
const uidConflicts = [
  /the UID in the precondition \(([\w-]+)\) does not match the UID in record \(([\w-]+)\)\. The object might have been deleted and then recreated$/,
  /Precondition failed: UID in precondition: ([\w-]+), UID in object meta: ([\w-]+)$/,
];

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
