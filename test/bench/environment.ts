/** What the benchmarks of the transaction share: a control plane that flushes every write, the product, and a service. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { Exchange } from '../support/exchange.ts';
import { createServiceAccount } from '../support/grants.ts';
import { type Product, startProduct } from '../support/product.ts';
import { SERVICE } from '../support/scene.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { AGENT, type BenchGrant, CREDENTIAL_ACCOUNT, createUsableGrants } from './usable-grants.ts';

const REPLICAS = 2;

export interface Environment extends AsyncDisposable {
  readonly plane: OwnControlPlane;
  readonly product: Product;
  readonly exchange: Exchange;
  readonly namespace: string;
  /** Takes every request for authenticated: what a service does with a token is not ours to measure. */
  readonly upstream: Upstream;
  /** The controller's own client with the controller's own rights: for floors that the product must be compared with. */
  readonly client: KubernetesClient;
  /** Grants that can be used now, each for a URL of its own. */
  usableGrants(count: number): Promise<BenchGrant[]>;
}

export async function startEnvironment(): Promise<Environment> {
  const stack = new AsyncDisposableStack();
  try {
    const plane = stack.use(await startControlPlane({ fsync: true }));
    const namespace = await plane.createNamespace('bench');
    const product = await startProduct(plane, {
      replicas: REPLICAS,
      agentNamespaces: [namespace],
      replica: { environment: { ACTIONGRANT_POD_RATE_PER_SECOND: '100000' } },
    });
    stack.defer(() => product.stop());
    const exchange = new Exchange(product);
    stack.defer(() => exchange.close());
    const upstream = await startUpstream({
      plane,
      names: [new URL(SERVICE).host],
      review: false,
    });
    stack.defer(() => upstream.close());
    const client = await createKubernetesClient({
      server: { type: 'Kubeconfig', path: product.chart.controllerKubeconfig },
      userAgent: 'actiongrant-bench',
      requestTimeoutMilliseconds: 10_000,
      clock: systemClock,
    });
    stack.defer(() => client.close());
    await createServiceAccount(plane, namespace, AGENT);
    await createServiceAccount(plane, namespace, CREDENTIAL_ACCOUNT);
    const started = stack.move();
    let grants = 0;
    return {
      plane,
      product,
      exchange,
      namespace,
      upstream,
      client,
      async usableGrants(count) {
        const urls = Array.from({ length: count }, () => `${SERVICE}/v1/hosts/${grants++}`);
        return createUsableGrants(plane, namespace, urls);
      },
      [Symbol.asyncDispose]: () => started.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
