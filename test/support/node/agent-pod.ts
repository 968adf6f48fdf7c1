import type { KubeObject } from '../api-client.ts';
import type { KubectlResult } from '../control-plane-client.ts';
import type { ExecOptions, NodeCluster } from './node-cluster.ts';

/** A pod in which a test plays the agent. */
export interface AgentPod {
  readonly namespace: string;
  readonly name: string;
  /** Of both families; what the cluster's DNS sees as its clients. */
  readonly addresses: readonly string[];
  /** Runs a command in it, as its user; whatever its exit code, it is a result. */
  run(command: readonly string[], options?: ExecOptions): Promise<KubectlResult>;
}

export interface AgentPodOptions {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of its container; by default it waits. */
  readonly command?: readonly string[];
  readonly ports?: readonly object[];
  readonly readinessProbe?: object;
}

interface RunningPod extends KubeObject {
  readonly status: { readonly podIPs: readonly { readonly ip: string }[] };
}

/** Starts a pod as somebody writes it who knows of nothing. Resolves once it is Ready. @throws Error if it does not start */
export async function startAgentPod(
  cluster: NodeCluster,
  options: AgentPodOptions,
): Promise<AgentPod> {
  const { namespace, name, labels, command = ['sleep', 'infinity'], ...container } = options;
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'agent',
          image: cluster.agentImage,
          imagePullPolicy: 'Never',
          command,
          ...container,
        },
      ],
    },
  });
  return runningAgentPod(cluster, namespace, name);
}

/** A pod whose container `agent` is one. Resolves once it is Ready. @throws Error if it does not start */
export async function runningAgentPod(
  cluster: NodeCluster,
  namespace: string,
  name: string,
): Promise<AgentPod> {
  await cluster.untilPodReady(namespace, name);
  const { status } = await cluster.api<RunningPod>(
    'GET',
    `/api/v1/namespaces/${namespace}/pods/${name}`,
  );
  return {
    namespace,
    name,
    addresses: status.podIPs.map(({ ip }) => ip),
    run: (line, how) => cluster.exec(namespace, name, line, { container: 'agent', ...how }),
  };
}
