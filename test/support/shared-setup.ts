/**
 * What the test files of a run share. Each is started when the first file asks for it, and ends with the run. Files ask over
 * loopback, since each runs in a process of its own: test/support/shared.ts.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { INJECTION_LABEL } from '../../core/api/pod-layout.ts';
import { type InstalledChart, installChart } from './chart.ts';
import { type ControlPlane, type ControlPlaneDetails, startControlPlane } from './control-plane.ts';
import { installCrds } from './crds.ts';
import { exampleNamespaces } from './examples.ts';
import { startProduct } from './product.ts';
import type { ReplicaDetails } from './replica-process.ts';
import { FURTHER_API_AUDIENCE, SERVICE_ACCOUNT_ISSUER } from './server-flags.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base URL of what answers test/support/shared.ts. */
    shared: string;
  }
}

/** A cluster with the chart's policies and nobody behind its webhooks. */
export interface PoliciesDetails {
  readonly plane: ControlPlaneDetails;
  readonly chart: InstalledChart;
  /** A namespace of agents for the file that asked, and no other. */
  readonly namespace: string;
}

/** A cluster with the whole product. */
export interface ProductDetails {
  readonly plane: ControlPlaneDetails;
  readonly chart: InstalledChart;
  readonly exchangePort: number;
  readonly exchangeCAFile: string;
  readonly replicas: readonly ReplicaDetails[];
  readonly agentNamespaces: readonly string[];
  /** A namespace of agents for the file that asked, and no other. */
  readonly namespace: string;
}

/** What a file asks for, by path. */
export interface SharedDetails {
  readonly '/control-plane': ControlPlaneDetails;
  /** Its namespace has the label of injection. */
  readonly '/policies/injected': PoliciesDetails;
  readonly '/policies/plain': PoliciesDetails;
  readonly '/product': ProductDetails;
}

/** More than the files of a run that ask. */
const NAMESPACES = { injected: 4, plain: 4, product: 16 };

type Shared = { readonly [path in keyof SharedDetails]: () => Promise<SharedDetails[path]> };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = new AsyncDisposableStack();
  const shared = shareIn(stack);
  const server = createServer((request, response) => void answer(shared, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(async () => {
    server.closeAllConnections();
    server.close();
  });
  project.provide('shared', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return () => stack.disposeAsync();
}

async function answer(
  shared: Shared,
  { url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const details = await shared[url as keyof Shared]();
    response.end(JSON.stringify(details));
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? error.stack : String(error));
  }
}

/** Nothing is started yet. */
function shareIn(stack: AsyncDisposableStack): Shared {
  const bare = lazily(async () => {
    // As k3s has: its issuer, and an audience that nothing else tells.
    const apiAudiences = `--api-audiences=${SERVICE_ACCOUNT_ISSUER},${FURTHER_API_AUDIENCE}`;
    const plane = stack.use(await startControlPlane({ apiServerFlags: [apiAudiences] }));
    await installCrds(plane);
    return plane.details;
  });
  const policies = lazily(async () => {
    const plane = stack.use(await startControlPlane());
    const label = { [INJECTION_LABEL.name]: INJECTION_LABEL.value };
    const injected = await createNamespaces(plane, 'injected', NAMESPACES.injected, label);
    const plain = await createNamespaces(plane, 'plain', NAMESPACES.plain);
    const chart = await installChart(plane, {
      rbac: { agentNamespaces: [...injected, ...plain] },
      apiServer: { audiences: [SHARED_API_AUDIENCE] },
    });
    return { plane: plane.details, chart, injected: lender(injected), plain: lender(plain) };
  });
  const product = lazily(async () => {
    const plane = stack.use(await startControlPlane());
    const leased = await createNamespaces(plane, 'agents', NAMESPACES.product);
    const named = exampleNamespaces();
    for (const name of named) await plane.api('POST', '/api/v1/namespaces', { metadata: { name } });
    const started = await startProduct(plane, {
      replicas: 2,
      agentNamespaces: [...leased, ...named],
      // What is tested with it is not the rate limit: exchange-authentication.test.ts.
      replica: { environment: { ACTIONGRANT_POD_RATE_PER_SECOND: '10000' } },
    });
    stack.defer(() => started.stop());
    return { started, lend: lender(leased) };
  });
  return {
    '/control-plane': bare,
    '/policies/injected': async () => {
      const { plane, chart, injected } = await policies();
      return { plane, chart, namespace: injected() };
    },
    '/policies/plain': async () => {
      const { plane, chart, plain } = await policies();
      return { plane, chart, namespace: plain() };
    },
    '/product': async () => {
      const { started, lend } = await product();
      const { plane, chart, balancer, exchangeCAFile, replicas, agentNamespaces } = started;
      return {
        plane: { url: plane.url, directory: plane.directory },
        chart,
        exchangePort: balancer.port,
        exchangeCAFile,
        replicas: replicas.map(({ name, port, operationsPort, logFile }) => ({
          name,
          port,
          operationsPort,
          logFile,
        })),
        agentNamespaces,
        namespace: lend(),
      };
    },
  };
}

/** The audience of the API server that the shared policies know. */
export const SHARED_API_AUDIENCE = 'https://api.cluster.example';

function createNamespaces(
  plane: ControlPlane,
  prefix: string,
  count: number,
  labels: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => plane.createNamespace(prefix, labels)));
}

/** Each name once. */
function lender(names: readonly string[]): () => string {
  const left = names.values();
  return () => {
    const { value } = left.next();
    if (value === undefined) throw new Error(`more than ${names.length} files ask: see NAMESPACES`);
    return value;
  };
}

function lazily<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= start());
}
