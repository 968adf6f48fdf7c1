import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AgentPod } from './agent-pod.ts';
import type { NodeCluster } from './node-cluster.ts';
import { spawnInPod } from './spawn-in-pod.ts';

const PROGRAM = readFileSync(join(import.meta.dirname, 'floods.py'), 'utf8');

/** What floods.py did until then, by name; failures by the name of their error. */
export type FloodCounts = Readonly<Record<string, number>>;

/** A flood that holds what it opened, or goes on, until it is ended. */
export interface Flood {
  /** What it had done when it held. */
  readonly held: FloodCounts;
  /** Ends it. @returns everything that it did @throws Error if it had ended before, with what it said */
  end(): Promise<FloodCounts>;
}

/** Starts one of floods.py in a pod. Resolves once it holds. @throws Error with its output if it does not */
export async function startFlood(
  cluster: NodeCluster,
  pod: AgentPod,
  flood: string,
): Promise<Flood> {
  const child = spawnInPod(cluster, pod, ['python3', '-c', PROGRAM, flood], { stdin: true });
  const closed = once(child, 'close');
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async (what: string): Promise<FloodCounts> => {
    const { value } = await lines.next();
    const line = JSON.parse(value ?? '{}') as { flood?: string; counts: FloodCounts };
    if (line.flood !== what) throw new Error(`the flood of ${flood}: ${value}\n${stderr}`);
    return line.counts;
  };
  const held = await said('holds');
  return {
    held,
    async end() {
      child.stdin.end();
      const counts = await said('ended');
      await closed;
      return counts;
    },
  };
}
