import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, buildConnector, request } from 'undici';
import { codeOf } from '../agent-call.ts';
import type { Connectors } from '../api-client.ts';
import { type AgentPod, runningAgentPod, startAgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';

const PROGRAM = readFileSync(join(import.meta.dirname, 'resident-program.ts'), 'utf8');
const PORT = 8080;

/** What its container runs, and how the kubelet learns that it takes calls. */
export const RESIDENT_AGENT = {
  command: ['node', '--input-type=module-typescript', '--eval', PROGRAM],
  ports: [{ containerPort: PORT }],
  readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
};

/** A call of an agent, with a JSON body. */
export interface ResidentCall {
  readonly method: string;
  readonly url: string;
  readonly body?: unknown;
}

/** What the agent's client got: an answer, or the name of the error that it failed with. */
export type ResidentAnswer =
  | { readonly status: number; readonly text: string; readonly code: string | undefined }
  | { readonly failure: string };

/**
 * An agent that lives as long as its container: its client read the pod's CA once, when it started. It is asked over the
 * pod's own port, so it answers while the API server, the kubelet or the sidecar are down.
 */
export interface ResidentAgent extends AgentPod {
  call(call: ResidentCall): Promise<ResidentAnswer>;
}

/**
 * Starts one in a pod of its own. Resolves once it takes calls.
 * @param farewell what it calls when it is told to end
 */
export async function startResidentAgent(
  cluster: NodeCluster,
  namespace: string,
  name: string,
  farewell?: ResidentCall,
): Promise<ResidentAgent> {
  const pod = await startAgentPod(cluster, {
    namespace,
    name,
    ...RESIDENT_AGENT,
    command: [
      ...RESIDENT_AGENT.command,
      ...(farewell === undefined ? [] : ['--', JSON.stringify(farewell)]),
    ],
  });
  return residentIn(pod, cluster.connectors);
}

/** The agent in a pod that runs {@link RESIDENT_AGENT}. */
export function residentIn(pod: AgentPod, connectors: Connectors = buildConnector): ResidentAgent {
  return { ...pod, call: (call) => ask(pod, call, connectors) };
}

/**
 * The same agent where it is now: a pod whose namespaces were made anew has another address. Resolves once the pod is
 * Ready. @throws Error if it does not get there
 */
export async function foundAgain(
  cluster: NodeCluster,
  { namespace, name }: ResidentAgent,
): Promise<ResidentAgent> {
  return residentIn(await runningAgentPod(cluster, namespace, name), cluster.connectors);
}

/** @throws Error if the agent itself is not there to answer */
async function ask(
  { addresses }: Pick<AgentPod, 'addresses'>,
  call: ResidentCall,
  connectors: Connectors,
): Promise<ResidentAnswer> {
  // A question a connection: the agent may have been started again since the last.
  const dispatcher = new Agent({ pipelining: 0, connect: connectors({}) });
  try {
    const [address] = addresses;
    const response = await request(`http://${address}:${PORT}/`, {
      dispatcher,
      method: 'POST',
      body: JSON.stringify(call),
    });
    const answer = (await response.body.json()) as
      | { status: number; text: string }
      | { failure: string };
    return 'failure' in answer ? answer : { ...answer, code: codeOf(answer.text) };
  } finally {
    await dispatcher.destroy();
  }
}
