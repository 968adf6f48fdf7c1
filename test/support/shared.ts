/**
 * The clusters that the test files of a run share. Whoever takes one keeps to namespaces of its own, and changes nothing that
 * holds for the whole cluster; who must, starts a cluster of its own.
 */

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { InstalledChart } from './chart.ts';
import { type ControlPlane, connectControlPlane } from './control-plane.ts';
import {
  connectReplica,
  type Replica,
  type ReplicaOptions,
  type RunningReplica,
  startReplica,
} from './replica-process.ts';
import type { ProductDetails, SharedDetails } from './shared-setup.ts';
import { type SidecarOptions, type SidecarProcess, startSidecar } from './sidecar-process.ts';
import { sweepAtExit } from './tied-process.ts';

/** A cluster with our CRDs and nothing else of ours. */
export async function shareControlPlane(): Promise<ControlPlane> {
  return connectControlPlane(await ask('/control-plane'));
}

export interface SharedPolicies {
  readonly plane: ControlPlane;
  readonly chart: InstalledChart;
  /** Of agents, and of this file alone. */
  readonly namespace: string;
}

/** A cluster with the chart, but without its webhooks: its policies refuse alone. `injected`: the namespace has the label. */
export async function sharePolicies(kind: 'injected' | 'plain'): Promise<SharedPolicies> {
  const { plane, ...rest } = await ask(`/policies/${kind}`);
  return { plane: connectControlPlane(plane), ...rest };
}

/** A cluster with the product: two replicas behind a balancer, and sidecars of this file alone. */
export async function shareProduct(): Promise<SharedProduct> {
  const details = await ask('/product');
  return new SharedProduct(details, await mkdtemp(join(tmpdir(), 'actiongrant-shared-')));
}

export class SharedProduct {
  readonly plane: ControlPlane;
  readonly chart: InstalledChart;
  /** Of agents, and of this file alone. */
  readonly namespace: string;
  readonly agentNamespaces: readonly string[];
  readonly balancer: { readonly port: number };
  readonly exchangeCAFile: string;
  /** Those that everybody shares. */
  readonly replicas: readonly RunningReplica[];
  readonly sidecars: SidecarProcess[] = [];
  /** Of this file alone. */
  readonly directory: string;
  readonly #own: Replica[] = [];
  readonly #sweep: () => Promise<void>;

  constructor(details: ProductDetails, directory: string) {
    this.#sweep = sweepAtExit(directory);
    this.directory = directory;
    this.plane = connectControlPlane(details.plane);
    this.chart = details.chart;
    this.namespace = details.namespace;
    this.agentNamespaces = details.agentNamespaces;
    this.balancer = { port: details.exchangePort };
    this.exchangeCAFile = details.exchangeCAFile;
    this.replicas = details.replicas.map(connectReplica);
  }

  get exchangeURL(): string {
    return `https://127.0.0.1:${this.balancer.port}`;
  }

  /** A further namespace of agents, of this file alone. */
  async anotherNamespace(): Promise<string> {
    return (await ask('/product')).namespace;
  }

  /** A further replica, for calls of this file alone. It does not lead while those that all share do. */
  async startReplica(options: ReplicaOptions = {}): Promise<Replica> {
    // Pods have names of their own in a cluster.
    const name = `controller-${this.namespace}-${this.#own.length}`;
    const replica = await startReplica(name, this, options);
    this.#own.push(replica);
    return replica;
  }

  async startSidecar(options: SidecarOptions): Promise<SidecarProcess> {
    const sidecar = await startSidecar(`sidecar-${this.sidecars.length}`, this, options);
    this.sidecars.push(sidecar);
    return sidecar;
  }

  /** Ends what is this file's. */
  async stop(): Promise<void> {
    // A lease that one of them held would keep the others waiting.
    await Promise.all(this.#own.map((replica) => replica.stop()));
    await Promise.all(this.sidecars.map((sidecar) => sidecar.kill()));
    await this.plane.disconnect();
    await this.#sweep();
  }
}

async function ask<Path extends keyof SharedDetails>(path: Path): Promise<SharedDetails[Path]> {
  const response = await fetch(`${inject('shared')}${path}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`what the files share did not start: ${text}`);
  return JSON.parse(text) as SharedDetails[Path];
}
