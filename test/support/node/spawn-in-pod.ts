import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { toolPath } from '../../../scripts/tools.ts';
import type { AgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';

/**
 * Starts a command in an agent's container, for what talks with it while it runs.
 *
 * @param stdin true: what is written to the child gets to the command
 */
export function spawnInPod(
  cluster: NodeCluster,
  { namespace, name }: AgentPod,
  command: readonly string[],
  { stdin = false } = {},
): ChildProcessWithoutNullStreams {
  return spawn(toolPath('kubectl'), [
    ...[`--kubeconfig=${cluster.adminKubeconfig}`, 'exec', `--namespace=${namespace}`],
    ...[...(stdin ? ['--stdin'] : []), name, '--container=agent', '--', ...command],
  ]);
}
