/** What the benchmarks of the transaction share: a control plane that flushes every write, the product, and a service. */

import type { ActionGrant } from '../../api/generated/actiongrant.ts';
import {
  createKubernetesClient,
  type KubernetesClient,
} from '../../controller/kubernetes/client.ts';
import { systemClock } from '../../process/clock.ts';
import { anHttpAction } from '../support/builders.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { Exchange } from '../support/exchange.ts';
import { createGrant, createServiceAccount, grantsPath } from '../support/grants.ts';
import { type Product, startProduct } from '../support/product.ts';
import { SERVICE } from '../support/scene.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

export const AGENT = 'incident-agent';
const CREDENTIAL_ACCOUNT = 'edr-quarantine';
const REPLICAS = 2;
const CREATORS = 8;

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

export interface BenchGrant {
  readonly grant: ActionGrant;
  readonly url: string;
}

export const BODY = { reason: 'beaconing' };

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
        const created = await createAll(plane, namespace, urls);
        await untilAllUsable(plane, namespace, created);
        return created;
      },
      [Symbol.asyncDispose]: () => started.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function createAll(
  plane: OwnControlPlane,
  namespace: string,
  urls: readonly string[],
): Promise<BenchGrant[]> {
  const created: BenchGrant[] = [];
  const left = urls.values();
  await Promise.all(
    Array.from({ length: CREATORS }, async () => {
      for (const url of left) {
        const grant = await createGrant(plane, namespace, {
          spec: {
            agent: { serviceAccountName: AGENT },
            action: anHttpAction({ url, body: { type: 'JSON', json: JSON.stringify(BODY) } }),
            // Uses that a benchmark leaves open are not closed while others measure.
            timeoutSeconds: 570,
          },
        });
        created.push({ grant, url });
      }
    }),
  );
  return created;
}

/** Reads the grants as they are approved, into the same objects. */
async function untilAllUsable(
  plane: OwnControlPlane,
  namespace: string,
  created: BenchGrant[],
): Promise<void> {
  const path = `${grantsPath(namespace)}?fieldSelector=status.phase%3DApproved`;
  const end = Date.now() + 60_000;
  for (;;) {
    const { items } = await plane.api<{ items: ActionGrant[] }>('GET', path);
    const byUID = new Map(items.map((grant) => [grant.metadata.uid, grant]));
    if (created.every(({ grant }) => byUID.has(grant.metadata.uid))) {
      for (const [index, { grant, url }] of created.entries()) {
        created[index] = { url, grant: byUID.get(grant.metadata.uid) ?? grant };
      }
      return;
    }
    if (Date.now() > end) throw new Error('the grants were not approved in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
