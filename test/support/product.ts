/**
 * The product as it runs: controller replicas and sidecars as processes of their own, from the compiled code, with the
 * rights of the chart. Serves tests, demo and benches alike.
 */

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from './api-client.ts';
import type { Manifest } from './apply.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { aNewGrant } from './builders.ts';
import { type InstalledChart, installManifests, renderChart } from './chart.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { grantsPath } from './grants.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica-process.ts';
import { type SidecarOptions, type SidecarProcess, startSidecar } from './sidecar-process.ts';
import { sweepAtExit } from './tied-process.ts';

export type { Replica } from './replica-process.ts';
export type { SidecarOptions, SidecarProcess } from './sidecar-process.ts';

const ADMISSION_MILLISECONDS = 60_000;

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
  readonly agentNamespaces: readonly string[];
  /** Those that get calls through the balancer. */
  readonly #rotation = new Set<Replica>();
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
    this.agentNamespaces = agentNamespaces;
  }

  /** Base URL of the exchange, as a Service would give it. */
  get exchangeURL(): string {
    return `https://127.0.0.1:${this.balancer.port}`;
  }

  get exchangeCAFile(): string {
    return join(this.directory, 'exchange-ca.crt');
  }

  async startReplica(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = await startReplica(`controller-${this.#count++}`, this, options);
    const rebalanced = async (ended: Promise<void>): Promise<void> => {
      await ended;
      this.#rebalance();
    };
    const balanced = {
      ...replica,
      get running() {
        return replica.running;
      },
      kill: () => rebalanced(replica.kill()),
      stop: () => rebalanced(replica.stop()),
    };
    this.replicas.push(balanced);
    if (options.outOfRotation !== true) this.#rotation.add(balanced);
    this.#rebalance();
    return balanced;
  }

  async startSidecar(options: SidecarOptions): Promise<SidecarProcess> {
    const sidecar = await startSidecar(`sidecar-${this.#count++}`, this, options);
    this.sidecars.push(sidecar);
    return sidecar;
  }

  /** Kills what is left of the product; the control plane stays. How its processes end when they are told to: processes.test.ts. */
  async stop(): Promise<void> {
    await Promise.all([...this.sidecars, ...this.replicas].map((process) => process.kill()));
    await this.balancer.close();
    await this.#sweep();
  }

  #rebalance(): void {
    const backends = [...this.#rotation].filter(({ running }) => running);
    this.balancer.setBackends(backends.map(({ port }) => port));
  }
}

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
    { withinMilliseconds: ADMISSION_MILLISECONDS, everyMilliseconds: 50 },
  );
}
