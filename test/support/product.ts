/**
 * The product as it runs: controller replicas and sidecars as processes of their own, from the compiled code, with the
 * rights of the chart. Serves tests, demo and benches alike.
 */

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../scripts/tools.ts';
import type { KubeObject } from './api-client.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { aNewGrant } from './builders.ts';
import { type InstalledChart, installManifests, type Manifest, renderChart } from './chart.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { grantsPath } from './grants.ts';
import { issuePodToken, type PodToken } from './kubelet.ts';
import { freePort } from './ports.ts';
import { StartError, startOnFreePorts, sweepAtExit, TiedProcess } from './tied-process.ts';

/** Some tests take the API server away meanwhile. */
const READY_MILLISECONDS = 60_000;
/** Less than a kubelet's default of 30 s: a stop that needs more, and so is killed, waits for something it should not. */
const GRACE_MILLISECONDS = 25_000;

export interface ReplicaOptions {
  /** Instead of the chart's own kubeconfig: e.g. one that goes through a proxy. */
  kubeconfig?: string;
  /** Chosen by the caller, who wants to look at it before the replica is ready. */
  operationsPort?: number;
  /** Gets no calls through the balancer: only those that are sent to its own port. */
  outOfRotation?: boolean;
  environment?: Readonly<Record<string, string>>;
}

export interface Replica {
  readonly name: string;
  /** Port of exchange and admission. */
  readonly port: number;
  readonly operationsPort: number;
  readonly process: TiedProcess;
  readonly running: boolean;
  /** Whether the balancer may send it calls. */
  readonly inRotation: boolean;
  metrics(): Promise<string>;
  log(): Promise<string>;
  /** As SIGKILL: nothing is said goodbye to. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface SidecarOptions {
  namespace: string;
  serviceAccountName: string;
  /** `host:port` → `127.0.0.1:port`. */
  connectTo?: ReadonlyMap<string, string>;
  /** PEM of the upstreams' CA. */
  trustBundle?: string;
  environment?: Readonly<Record<string, string>>;
  /** Instead of a pod of its own. */
  pod?: PodToken;
}

export interface SidecarProcess {
  readonly pod: PodToken;
  /** Port of the explicit proxy on loopback. */
  readonly port: number;
  readonly operationsPort: number;
  readonly proxyURL: string;
  /** PEM file of the pod CA. */
  readonly caFile: string;
  readonly process: TiedProcess;
  metrics(): Promise<string>;
  log(): Promise<string>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface ProductOptions {
  /** Controller replicas to start with. Default 2. */
  replicas?: number;
  /** Namespaces with agents and grants; they must exist. */
  agentNamespaces: readonly string[];
  /** Of each of them; a function where the chart must be there first. */
  replica?: ReplicaOptions | ((chart: InstalledChart) => ReplicaOptions);
  /** What the chart is rendered to for these namespaces. Absent: helm renders it now. */
  manifests?: readonly Manifest[];
}

export class Product {
  readonly plane: ControlPlane;
  readonly chart: InstalledChart;
  readonly directory: string;
  readonly balancer: Balancer;
  readonly replicas: Replica[] = [];
  readonly sidecars: SidecarProcess[] = [];
  readonly #agentNamespaces: readonly string[];
  readonly #sweep: () => Promise<void>;
  #count = 0;

  constructor(
    plane: ControlPlane,
    chart: InstalledChart,
    balancer: Balancer,
    directory: string,
    agentNamespaces: readonly string[],
  ) {
    // Also if this process is killed: there are tokens in it.
    this.#sweep = sweepAtExit(directory);
    this.plane = plane;
    this.chart = chart;
    this.balancer = balancer;
    this.directory = directory;
    this.#agentNamespaces = agentNamespaces;
  }

  /** Base URL of the exchange, as a Service would give it. */
  get exchangeURL(): string {
    return `https://127.0.0.1:${this.balancer.port}`;
  }

  get exchangeCAFile(): string {
    return join(this.directory, 'exchange-ca.crt');
  }

  startReplica(options: ReplicaOptions = {}): Promise<Replica> {
    return startOnFreePorts(() => this.#launchReplica(options));
  }

  async #launchReplica(options: ReplicaOptions): Promise<Replica> {
    const name = `controller-${this.#count++}`;
    const port = await freePort();
    const operationsPort = options.operationsPort ?? (await freePort());
    const logFile = join(this.directory, `${name}.log`);
    const child = new TiedProcess(
      name,
      process.execPath,
      [join(ROOT, 'dist/controller/main.js')],
      logFile,
      {
        ACTIONGRANT_LISTEN: `127.0.0.1:${port}`,
        ACTIONGRANT_OPERATIONS_LISTEN: `127.0.0.1:${operationsPort}`,
        ACTIONGRANT_NAMESPACE: this.chart.namespace,
        ACTIONGRANT_POD_NAME: name,
        ACTIONGRANT_AGENT_NAMESPACES: this.#agentNamespaces.join(','),
        ACTIONGRANT_KUBECONFIG: options.kubeconfig ?? this.chart.controllerKubeconfig,
        ACTIONGRANT_SERVING_NAMES: '127.0.0.1',
        ...options.environment,
      },
    );
    const replica: Replica = {
      name,
      port,
      operationsPort,
      process: child,
      get running() {
        return child.running;
      },
      inRotation: options.outOfRotation !== true,
      metrics: () => get(operationsPort, '/metrics'),
      log: () => readFile(logFile, 'utf8'),
      kill: async () => {
        await child.kill();
        this.#rebalance();
      },
      stop: async () => {
        await child.stop(GRACE_MILLISECONDS);
        this.#rebalance();
      },
    };
    await untilReady(child, operationsPort);
    this.replicas.push(replica);
    this.#rebalance();
    return replica;
  }

  async startSidecar(options: SidecarOptions): Promise<SidecarProcess> {
    const { namespace, serviceAccountName } = options;
    const pod = options.pod ?? (await issuePodToken(this.plane, { namespace, serviceAccountName }));
    return startOnFreePorts(() => this.#launchSidecar(pod, options));
  }

  async #launchSidecar(pod: PodToken, options: SidecarOptions): Promise<SidecarProcess> {
    const { namespace, serviceAccountName } = options;
    const name = `sidecar-${this.#count++}`;
    const port = await freePort();
    const operationsPort = await freePort();
    const file = (suffix: string): string => join(this.directory, `${name}-${suffix}`);
    await writeFile(file('token'), pod.token, { mode: 0o600 });
    await writeFile(file('kubernetes-ca.crt'), this.plane.caPem);
    if (options.trustBundle !== undefined) await writeFile(file('trust.crt'), options.trustBundle);
    const child = new TiedProcess(
      name,
      process.execPath,
      [...SIDECAR_FLAGS, join(ROOT, 'dist/sidecar/main.js')],
      file('log'),
      {
        ACTIONGRANT_LISTEN: `127.0.0.1:${port}`,
        ACTIONGRANT_OPERATIONS_LISTEN: `127.0.0.1:${operationsPort}`,
        ACTIONGRANT_CONTROLLER_URLS: this.exchangeURL,
        ACTIONGRANT_CONTROLLER_CA: this.exchangeCAFile,
        ACTIONGRANT_TOKEN: file('token'),
        ACTIONGRANT_POD_NAMESPACE: namespace,
        ACTIONGRANT_SERVICE_ACCOUNT: serviceAccountName,
        ACTIONGRANT_KUBERNETES_SERVER: new URL(this.plane.url).host,
        ACTIONGRANT_KUBERNETES_CA: file('kubernetes-ca.crt'),
        ACTIONGRANT_CA_OUTPUT: file('pod-ca.crt'),
        ACTIONGRANT_CONNECT_TO: [...(options.connectTo ?? [])]
          .map(([from, to]) => `${from}=${to}`)
          .join(','),
        ...(options.trustBundle === undefined
          ? {}
          : { ACTIONGRANT_TRUST_BUNDLE: file('trust.crt') }),
        ...options.environment,
      },
    );
    await untilReady(child, operationsPort);
    const sidecar: SidecarProcess = {
      pod,
      port,
      operationsPort,
      proxyURL: `http://127.0.0.1:${port}`,
      caFile: file('pod-ca.crt'),
      process: child,
      metrics: () => get(operationsPort, '/metrics'),
      log: () => readFile(file('log'), 'utf8'),
      kill: () => child.kill(),
      stop: () => child.stop(GRACE_MILLISECONDS),
    };
    this.sidecars.push(sidecar);
    return sidecar;
  }

  /** Ends what is left of the product; the control plane stays. */
  async stop(): Promise<void> {
    await Promise.all(this.sidecars.map((sidecar) => sidecar.stop()));
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await this.balancer.close();
    await this.#sweep();
  }

  #rebalance(): void {
    this.balancer.setBackends(
      this.replicas.filter((r) => r.running && r.inRotation).map((r) => r.port),
    );
  }
}

/** Less memory for the same throughput: measured, see docs/benchmarks.md. The image runs with the same flags. */
export const SIDECAR_FLAGS = ['--max-semi-space-size=4', '--max-old-space-size=56'];

/** Installs the chart and starts the replicas; returns when all are ready and admission works. */
export async function startProduct(plane: ControlPlane, options: ProductOptions): Promise<Product> {
  const { replicas = 2, agentNamespaces } = options;
  const balancer = await startBalancer();
  const manifests =
    options.manifests ?? (await renderChart({ rbac: { agentNamespaces: [...agentNamespaces] } }));
  const webhookURL = `https://127.0.0.1:${balancer.port}`;
  const chart = await installManifests(plane, manifests, { webhookURL });
  const directory = await mkdtemp(join(tmpdir(), 'actiongrant-product-'));
  const product = new Product(plane, chart, balancer, directory, agentNamespaces);
  try {
    const replica =
      typeof options.replica === 'function' ? options.replica(chart) : options.replica;
    await Promise.all(Array.from({ length: replicas }, () => product.startReplica(replica)));
    await writeFile(product.exchangeCAFile, await publishedBundle(plane, chart.namespace));
    await untilAdmissionWorks(plane, agentNamespaces);
    return product;
  } catch (error) {
    await product.stop();
    throw error;
  }
}

async function publishedBundle(plane: ControlPlane, namespace: string): Promise<string> {
  const configMap = await plane.api<KubeObject & { data: Record<string, string> }>(
    'GET',
    `/api/v1/namespaces/${namespace}/configmaps/actiongrant-ca`,
  );
  return configMap.data['ca.crt'] ?? '';
}

/** The API server hears late of the caBundle that the replicas wrote into the webhooks; until then it answers 500. */
async function untilAdmissionWorks(
  plane: ControlPlane,
  [namespace]: readonly string[],
): Promise<void> {
  if (namespace === undefined) return;
  const path = `${grantsPath(namespace)}?dryRun=All`;
  await eventually(
    async () => {
      const { status, body } = await plane.request('POST', path, aNewGrant());
      if (status !== 201) throw new Error(`admission does not work: ${JSON.stringify(body)}`);
    },
    { withinMilliseconds: READY_MILLISECONDS, everyMilliseconds: 50 },
  );
}

async function untilReady(child: TiedProcess, operationsPort: number): Promise<void> {
  const end = Date.now() + READY_MILLISECONDS;
  let last = 'no answer';
  while (Date.now() < end) {
    if (!child.running) break;
    try {
      const response = await fetch(`http://127.0.0.1:${operationsPort}/readyz`);
      last = await response.text();
      if (response.ok) return;
    } catch (error) {
      last = String(error);
    }
    await sleep(50);
  }
  await child.kill();
  throw new StartError(child, last);
}

async function get(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return response.text();
}
