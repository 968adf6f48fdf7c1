/** The stage of `make demo`: a control plane, the product and the services as processes; each stands for a pod. */

import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ROOT, toolPath } from '../scripts/tools.ts';
import type { Manifest } from '../test/support/apply.ts';
import { parseManifests } from '../test/support/chart.ts';
import { startControlPlane } from '../test/support/control-plane.ts';
import { createAuthority } from '../test/support/pki.ts';
import { type Product, type SidecarProcess, startProduct } from '../test/support/product.ts';
import { startUpstream, type Upstream } from '../test/support/upstream.ts';
import { createProxiedAgent } from './agent.ts';
import {
  applyNamespaces,
  applyTeams,
  SERVICES,
  type Service,
  type Stage,
  stopwatch,
  TEAMS,
} from './stage.ts';

export async function setUpProcesses(say: (text: string) => void): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const since = stopwatch();
  const plane = await startControlPlane();
  stack.defer(() => plane.stop());
  say(`etcd and kube-apiserver are up (${since()})`);
  await applyNamespaces(plane);
  const product = await startProduct(plane, {
    replicas: 2,
    agentNamespaces: TEAMS.map(({ namespace }) => namespace),
    manifests: await release(),
  });
  stack.defer(() => product.stop());
  say(`two controller replicas are ready, with the chart's own rights (${since()})`);
  await applyTeams(plane);

  const authority = await createAuthority('demo services');
  const upstreams = await Promise.all(
    SERVICES.map(async (name): Promise<[Service, Upstream]> => {
      const upstream = await startUpstream({ plane, names: [name], authority });
      stack.defer(() => upstream.close());
      return [name, upstream];
    }),
  );
  say(`four web APIs are up; each asks the API server whose token it is given (${since()})`);
  const connectTo = new Map(
    upstreams.map(([name, { port }]) => [`${name}:443`, `127.0.0.1:${port}`] as const),
  );
  const alice = await plane.kubeconfigFor({ user: 'alice', groups: ['platform'] });
  const started = stack.move();
  return {
    plane,
    services: Object.fromEntries(upstreams) as Record<Service, Upstream>,
    kubernetesURL: plane.url,
    alice,
    async startAgent(namespace, serviceAccountName) {
      const sidecar = await product.startSidecar({
        namespace,
        serviceAccountName,
        connectTo,
        trustBundle: authority.certificate,
      });
      const kubeconfig = await writeAgentKubeconfig(product, plane.url, sidecar, namespace);
      const agent = createProxiedAgent(plane, sidecar, kubeconfig);
      started.defer(() => agent.close());
      return agent;
    },
    instructions: () => instructions(product, alice),
    stop: () => started.disposeAsync(),
  };
}

/** The chart as it was rendered for the demo, so that nobody has to build helm first, and the CRDs. */
async function release(): Promise<Manifest[]> {
  const crds = globSync('crds/*.yaml', { cwd: ROOT });
  const texts = await Promise.all(
    [...crds, 'demo/release.yaml'].map((file) => readFile(join(ROOT, file), 'utf8')),
  );
  return texts.flatMap(parseManifests);
}

/** What an agent's kubectl has: the proxy, the pod CA, and a constant that is no token. */
async function writeAgentKubeconfig(
  product: Product,
  server: string,
  sidecar: SidecarProcess,
  namespace: string,
): Promise<string> {
  const path = agentKubeconfig(product, namespace);
  const cluster = {
    server,
    'certificate-authority': sidecar.caFile,
    'proxy-url': sidecar.proxyURL,
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: 'agent', user: { token: 'not-a-token' } }],
    contexts: [{ name: 'agent', context: { cluster: 'cluster', user: 'agent' } }],
    'current-context': 'agent',
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

function agentKubeconfig(product: Product, namespace: string): string {
  return join(product.directory, `agent-${namespace}.kubeconfig`);
}

function instructions(product: Product, alice: string): string {
  const sidecar = product.sidecars[0];
  return `
It is still running; Ctrl-C ends it and leaves nothing behind. Paste these lines into another terminal, in this folder. Then kubectl
is alice's, PROXY and CA are those of the agent in story 1, and AGENT_KUBECONFIG is that of the agent in story 4:

  export PATH=${dirname(toolPath('kubectl'))}:$PATH
  export KUBECONFIG=${alice}
  export PROXY=${sidecar?.proxyURL} CA=${sidecar?.caFile}
  export AGENT_KUBECONFIG=${agentKubeconfig(product, 'vault')}

As alice:

  kubectl -n soc get actiongrants
  kubectl explain actiongrant.spec

As the agent of story 1 (every call goes through its sidecar):

  curl -sS --proxy $PROXY --cacert $CA \\
    -X POST -H 'content-type: application/json' -d '{"reason":"beaconing"}' \\
    https://edr.example.com/v1/hosts/host-9/quarantine

The answer has the manifest of the grant that is missing. docs/tutorial.md goes on from here.
`;
}
