/** The stage of `make demo-cluster`: real pods on a real node, the chart installed by helm, nothing told of a proxy. */

import { INJECTION_LABEL } from '../core/api/pod-layout.ts';
import type { NodeCluster } from '../test/support/node/node-cluster.ts';
import { releaseValues, upgrade } from '../test/support/node/release.ts';
import { startNodeUpstream } from '../test/support/node/upstreams.ts';
import type { Upstream } from '../test/support/upstream.ts';
import { agentAnswer, type DemoAgent } from './agent.ts';
import {
  applyNamespaces,
  applyTeams,
  type Namespace,
  SERVICES,
  type Service,
  type Stage,
  stopwatch,
  TEAMS,
} from './stage.ts';

const POD = 'agent';

export async function setUpPods(cluster: NodeCluster, say: (text: string) => void): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const since = stopwatch();
  await applyNamespaces(cluster, { [INJECTION_LABEL.name]: INJECTION_LABEL.value });
  const namespaces = TEAMS.map(({ namespace }) => namespace);
  await upgrade(cluster, releaseValues(cluster, namespaces));
  say(`helm installed the chart: two controller replicas are ready (${since()})`);
  await applyTeams(cluster);
  const upstreams = await Promise.all(
    SERVICES.map(async (name): Promise<[Service, Upstream]> => {
      const upstream = await startNodeUpstream(cluster, { names: [name] });
      stack.defer(() => upstream.close());
      return [name, upstream];
    }),
  );
  say(`four web APIs are up; each asks the API server whose token it is given (${since()})`);
  // All at once: the first story waits for the first of them, and the others have started by their own.
  await cluster.apply(
    ...TEAMS.map(({ namespace, agent }) => agentPod(namespace, agent, cluster.agentImage)),
  );
  const alice = await cluster.kubeconfigFor({ user: 'alice', groups: ['platform'] });
  const started = stack.move();
  return {
    plane: cluster,
    services: Object.fromEntries(upstreams) as Record<Service, Upstream>,
    kubernetesURL: 'https://kubernetes.default.svc',
    alice,
    async startAgent(namespace) {
      await cluster.untilPodReady(namespace, POD);
      return createAgentInPod(cluster, namespace);
    },
    instructions: () => INSTRUCTIONS,
    stop: () => started.disposeAsync(),
  };
}

/** An ordinary pod: nothing in it knows of ActionGrant. */
function agentPod(namespace: Namespace, serviceAccountName: string, image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: POD, namespace },
    spec: {
      serviceAccountName,
      terminationGracePeriodSeconds: 1,
      containers: [
        { name: 'agent', image, imagePullPolicy: 'Never', command: ['sleep', 'infinity'] },
      ],
    },
  };
}

/** An agent whose clients are curl and kubectl, in its pod. */
function createAgentInPod(cluster: NodeCluster, namespace: Namespace): DemoAgent {
  return {
    async call(method, url, body) {
      const json = ['--header', 'content-type: application/json', '--data', JSON.stringify(body)];
      const { code, stdout, stderr } = await cluster.exec(namespace, POD, [
        ...['curl', '--silent', '--show-error', '--write-out', '\n%{http_code}'],
        ...['--request', method, ...(body === undefined ? [] : json), url],
      ]);
      if (code !== 0) throw new Error(`curl ${url}: ${stderr}`);
      const end = stdout.lastIndexOf('\n');
      return agentAnswer(Number(stdout.slice(end + 1)), stdout.slice(0, end));
    },
    kubectl: (args) => cluster.exec(namespace, POD, ['kubectl', ...args]),
    close: async () => {},
  };
}

const INSTRUCTIONS = `
It is still running; Ctrl-C ends it and leaves nothing behind. In another terminal, as root, in this folder, a shell inside
the cluster (kubectl and helm are on its PATH):

  node_modules/.bin/node scripts/cluster.ts run demo -- bash

  kubectl get pods --all-namespaces
  kubectl -n soc get actiongrants
  kubectl -n soc exec agent -- curl -sS -X POST -H 'content-type: application/json' -d '{"reason":"beaconing"}' \\
    https://edr.example.com/v1/hosts/host-9/quarantine
  kubectl -n soc exec agent -- nc -vz 203.0.113.10 22       # anything but HTTP goes nowhere,
  kubectl -n soc get events --field-selector type=Warning    # and is reported
`;
