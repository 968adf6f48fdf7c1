import { readFileSync } from 'node:fs';
import { Agent, buildConnector, request } from 'undici';

/** What every Kubernetes object has; the rest is the test's business. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface ApiOptions {
  /** Kubeconfig of the identity that asks; the cluster's admin when absent. */
  readonly as?: string;
  /** Content type of the body; a patch must say which kind it is. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiResponse<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: T;
}

/** How a test's own connections are made. */
export type Connectors = (options: buildConnector.BuildOptions) => buildConnector.connector;

/** An answer that a test's set-up didn't expect. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(call: string, response: ApiResponse<unknown>) {
    super(`${call} answered ${response.status}: ${JSON.stringify(response.body)}`);
    this.status = response.status;
    this.body = response.body;
  }
}

/** A kubeconfig of ours: one cluster, one user. It is written as JSON, which is also YAML. */
interface Kubeconfig {
  readonly clusters: readonly [
    {
      readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
    },
  ];
  readonly users: readonly [
    {
      readonly user: {
        readonly token?: string;
        readonly 'client-certificate-data'?: string;
        readonly 'client-key-data'?: string;
      };
    },
  ];
}

/**
 * A plain HTTPS client for the API server. Deliberately not the product's client: a test that
 * used the code under test to look at the result would share its mistakes.
 */
export class ApiClient {
  readonly #server: string;
  readonly #token: string | undefined;
  readonly #agent: Agent;

  constructor(kubeconfigPath: string, connectors: Connectors = buildConnector) {
    const config: Kubeconfig = JSON.parse(readFileSync(kubeconfigPath, 'utf8'));
    const { cluster } = config.clusters[0];
    const { user } = config.users[0];
    this.#server = cluster.server;
    this.#token = user.token;
    const certificate = user['client-certificate-data'];
    const key = user['client-key-data'];
    this.#agent = new Agent({
      connect: connectors({
        ca: decode(cluster['certificate-authority-data']),
        ...(certificate && key && { cert: decode(certificate), key: decode(key) }),
      }),
    });
  }

  /** One request, whatever the answer's status. */
  async request<T = KubeObject>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    options: Omit<ApiOptions, 'as'> = {},
  ): Promise<ApiResponse<T>> {
    const response = await request(`${this.#server}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        accept: 'application/json',
        ...(this.#token && { authorization: `Bearer ${this.#token}` }),
        ...(body !== undefined && { 'content-type': options.contentType ?? 'application/json' }),
        ...options.headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    const isJson = `${response.headers['content-type']}`.startsWith('application/json');
    const parsed = isJson ? JSON.parse(text) : text;
    return { status: response.statusCode, headers: response.headers, body: parsed };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
