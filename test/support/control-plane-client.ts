import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toolPath } from '../../scripts/tools.ts';
import {
  ApiClient,
  ApiError,
  type ApiOptions,
  type ApiResponse,
  type Connectors,
  type KubeObject,
} from './api-client.ts';
import { encode, readPair, writeKubeconfig } from './cluster-files.ts';
import { issue } from './pki.ts';
import { SERVICE_ACCOUNT_ISSUER } from './server-flags.ts';

const KUBECTL_MILLISECONDS = 60_000;

/** What another process needs to use a running control plane; plain JSON. */
export interface ControlPlaneDetails {
  readonly url: string;
  readonly directory: string;
}

/** A Kubernetes identity: what a client certificate says. */
export interface Identity {
  readonly user: string;
  readonly groups?: readonly string[];
}

export interface KubectlOptions {
  /** Kubeconfig of the identity that asks; the cluster's admin when absent. */
  readonly as?: string;
  readonly input?: string;
  /** Default: a minute. */
  readonly timeoutMilliseconds?: number;
}

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A real etcd and a real kube-apiserver on loopback, and nothing else: no controller manager (so
 * no garbage collection by owner, no namespace deletion, no default ServiceAccounts), no
 * scheduler and no node. test/support/kubelet.ts plays the node where a test needs one.
 */
export class ControlPlane {
  readonly url: string;
  readonly directory: string;
  /** The authority of the API server's serving certificate. */
  readonly caPem: string;
  readonly serviceAccountIssuer = SERVICE_ACCOUNT_ISSUER;
  /** Kubeconfig of a user in system:masters. */
  readonly adminKubeconfig: string;
  readonly connectors: Connectors | undefined;
  readonly #clients = new Map<string, ApiClient>();

  /** @param connectors default: undici's own */
  constructor(details: ControlPlaneDetails, connectors?: Connectors) {
    this.connectors = connectors;
    this.url = details.url;
    this.directory = details.directory;
    this.caPem = readFileSync(join(details.directory, 'ca.crt'), 'utf8');
    this.adminKubeconfig = join(details.directory, 'admin.kubeconfig');
  }

  get details(): ControlPlaneDetails {
    return { url: this.url, directory: this.directory };
  }

  /** Path of a kubeconfig with a client certificate for this user and these groups. */
  async kubeconfigFor(identity: Identity): Promise<string> {
    const path = this.#kubeconfigPath(JSON.stringify([identity.user, identity.groups ?? []]));
    if (existsSync(path)) return path;
    const pair = await issue(readPair(this.directory, 'client-ca'), {
      commonName: identity.user,
      organizations: identity.groups ?? [],
      usage: 'client',
    });
    return this.#writeKubeconfig(path, {
      'client-certificate-data': encode(pair.certificate),
      'client-key-data': encode(pair.key),
    });
  }

  /** Path of a kubeconfig with this bearer token. */
  async kubeconfigForToken(token: string): Promise<string> {
    return this.#writeKubeconfig(this.#kubeconfigPath(token), { token });
  }

  /** One API request, whatever its answer: for tests of what is refused. */
  async request<T = KubeObject>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    { as = this.adminKubeconfig, ...options }: ApiOptions = {},
  ): Promise<ApiResponse<T>> {
    const client = this.#clients.get(as) ?? new ApiClient(as, this.connectors);
    this.#clients.set(as, client);
    return client.request<T>(method, path, body, options);
  }

  /** One API request that must succeed; resolves with the object it answered. */
  async api<T = KubeObject>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    options: ApiOptions = {},
  ): Promise<T> {
    const response = await this.request<T>(method, path, body, options);
    if (response.status >= 400) throw new ApiError(`${method} ${path}`, response);
    return response.body;
  }

  /** 36 of Kubernetes 1.36. */
  async minorVersion(): Promise<number> {
    const { minor } = await this.api<{ minor: string }>('GET', '/version');
    return Number.parseInt(minor, 10);
  }

  /** Creates a namespace of the test's own and resolves with its name. */
  async createNamespace(prefix = 'test', labels: Readonly<Record<string, string>> = {}) {
    const name = `${prefix}-${randomBytes(4).toString('hex')}`;
    await this.api('POST', '/api/v1/namespaces', { metadata: { name, labels } });
    return name;
  }

  /** Runs the real kubectl; a non-zero exit code is a result, not an error. */
  kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
    const connection = [
      `--kubeconfig=${options.as ?? this.adminKubeconfig}`,
      `--cache-dir=${join(this.directory, 'kubectl-cache')}`,
    ];
    return new Promise((resolve, reject) => {
      const child = execFile(
        toolPath('kubectl'),
        [...connection, ...args],
        {
          timeout: options.timeoutMilliseconds ?? KUBECTL_MILLISECONDS,
          maxBuffer: 64 * 1024 * 1024,
        },
        (error, stdout, stderr) => {
          if (error && typeof error.code !== 'number') reject(error);
          else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
        },
      );
      // kubectl may exit without reading its input: that shows in its exit code.
      child.stdin?.on('error', () => {});
      child.stdin?.end(options.input ?? '');
    });
  }

  /** Closes this process's connections; the control plane itself runs on. */
  async disconnect(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.close()));
  }

  #kubeconfigPath(key: string): string {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 24);
    return join(this.directory, 'kubeconfigs', name);
  }

  #writeKubeconfig(path: string, user: Readonly<Record<string, string>>): string {
    return writeKubeconfig(path, this.url, this.caPem, user);
  }
}

/** Uses a control plane that another process started and will stop. */
export function connectControlPlane(details: ControlPlaneDetails): ControlPlane {
  return new ControlPlane(details);
}
