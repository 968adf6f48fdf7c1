import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { toolPath } from '../../../scripts/tools.ts';
import type { KubectlResult } from '../control-plane-client.ts';
import { eventually } from '../eventually.ts';
import type { AgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';

/** A command in a pod whose output is read while it runs. */
export interface LiveCommand {
  /** Resolves once its output has this text. @throws Error with its output, if it has not within 10 s */
  shows(text: string): Promise<void>;
  readonly ended: Promise<KubectlResult>;
}

const SHOWN = { withinMilliseconds: 10_000, everyMilliseconds: 10 };

/** Starts a command in a pod. It ends by itself: give it a deadline. */
export function startCommand(
  cluster: NodeCluster,
  { namespace, name }: AgentPod,
  command: readonly string[],
): LiveCommand {
  const kubectl = [`--kubeconfig=${cluster.adminKubeconfig}`, 'exec', `--namespace=${namespace}`];
  const child = spawn(toolPath('kubectl'), [
    ...kubectl,
    name,
    '--container=agent',
    '--',
    ...command,
  ]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return {
    shows: (text) =>
      eventually(() => {
        if (!stdout.includes(text)) throw new Error(`"${text}" is not in: ${stdout}\n${stderr}`);
      }, SHOWN),
    ended: once(child, 'close').then(([code]) => ({ code: Number(code), stdout, stderr })),
  };
}
