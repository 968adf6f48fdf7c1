/** The objects behind certificates, with the API server's compare-and-swap. */

import {
  answer,
  type StubApiServer,
  type StubRequest,
  status,
} from '../../../support/stub-api-server.ts';

export const NAMESPACE = 'actiongrant-system';
const IN_NAMESPACE = `/api/v1/namespaces/${NAMESPACE}`;
const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
export const SECRET = `${IN_NAMESPACE}/secrets/actiongrant-ca`;
export const CONFIG_MAP = `${IN_NAMESPACE}/configmaps/actiongrant-ca`;
export const MUTATING = `${REGISTRATION}/mutatingwebhookconfigurations/actiongrant`;
export const VALIDATING = `${REGISTRATION}/validatingwebhookconfigurations/actiongrant`;

interface Stored {
  metadata: { resourceVersion: string };
  data?: Record<string, string>;
  webhooks?: { clientConfig: { caBundle?: string } }[];
}

export class StoredObjects {
  readonly #objects = new Map<string, Stored>();
  #version = 0;
  /** Called before a request is answered: what others do in between. */
  before: (request: StubRequest) => void = () => {};
  readonly writes: string[] = [];

  constructor(stub: StubApiServer) {
    this.put(MUTATING, aWebhookConfiguration(2));
    this.put(VALIDATING, aWebhookConfiguration(1));
    stub.handler = (request, response) => {
      this.before(request);
      const { code, body } = this.#serve(request);
      answer(response, code, body);
    };
  }

  get(path: string): Stored | undefined {
    return this.#objects.get(path);
  }

  /** As anybody else would write it. */
  put(path: string, object: object): Stored {
    const name = path.split('/').at(-1) ?? '';
    this.#version++;
    const metadata = { name, namespace: NAMESPACE, uid: path, resourceVersion: `${this.#version}` };
    const stored = { ...object, metadata } as Stored;
    this.#objects.set(path, stored);
    return stored;
  }

  delete(path: string): void {
    this.#objects.delete(path);
  }

  /** What is published of authorities: the ConfigMap and every webhook's caBundle, as text. */
  published(): (string | undefined)[] {
    const bundles = [MUTATING, VALIDATING].flatMap((path) =>
      (this.get(path)?.webhooks ?? []).map(({ clientConfig: { caBundle } }) =>
        caBundle === undefined ? undefined : Buffer.from(caBundle, 'base64').toString(),
      ),
    );
    return [this.get(CONFIG_MAP)?.data?.['ca.crt'], ...bundles];
  }

  #serve({ method, path, body }: StubRequest): { code: number; body: unknown } {
    if (method !== 'GET') this.writes.push(`${method} ${path}`);
    const sent = body === '' ? {} : JSON.parse(body);
    if (method === 'POST') {
      const at = `${path}/${sent.metadata.name}`;
      if (this.#objects.has(at)) return { code: 409, body: status(409, 'AlreadyExists') };
      return { code: 201, body: this.put(at, sent) };
    }
    const current = this.#objects.get(path);
    if (current === undefined) return { code: 404, body: status(404, 'NotFound') };
    if (method === 'GET') return { code: 200, body: current };
    const version = method === 'PATCH' ? sent[0].value : sent.metadata.resourceVersion;
    if (version !== current.metadata.resourceVersion) {
      return { code: 409, body: status(409, 'Conflict') };
    }
    return { code: 200, body: this.put(path, method === 'PATCH' ? patched(current, sent) : sent) };
  }
}

export function aWebhookConfiguration(webhooks: number): object {
  return {
    webhooks: Array.from({ length: webhooks }, (_, i) => ({ name: `w${i}`, clientConfig: {} })),
  };
}

/** Of RFC 6902, what the controller sends: caBundles by the index of their webhook. */
function patched(current: Stored, operations: { path: string; value: string }[]): object {
  const webhooks = structuredClone(current.webhooks ?? []);
  for (const { path, value } of operations.slice(1)) {
    const [, index] = /^\/webhooks\/(\d+)\/clientConfig\/caBundle$/.exec(path) ?? [];
    const webhook = webhooks[Number(index)];
    if (webhook !== undefined) webhook.clientConfig.caBundle = value;
  }
  return { ...current, webhooks };
}
