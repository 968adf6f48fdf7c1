import { once } from 'node:events';
import type { KubectlResult } from '../control-plane-client.ts';
import { eventually } from '../eventually.ts';
import type { AgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';
import { spawnInPod } from './spawn-in-pod.ts';

/** A command in a pod whose output is read while it runs. */
export interface LiveCommand {
  /** Resolves once its output has this text. @throws Error with its output, if it has not within 20 s */
  shows(text: string): Promise<void>;
  readonly ended: Promise<KubectlResult>;
}

const SHOWN = { withinMilliseconds: 20_000, everyMilliseconds: 10 };

/** Starts a command in a pod. It ends by itself: give it a deadline. */
export function startCommand(
  cluster: NodeCluster,
  pod: AgentPod,
  command: readonly string[],
): LiveCommand {
  const child = spawnInPod(cluster, pod, command);
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
