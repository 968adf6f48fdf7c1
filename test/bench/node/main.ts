/**
 * `make bench-e2e`: measures in real pods on a real node, and prints a table like `make bench`. With arguments only the
 * benchmarks of these names run. It runs inside the cluster that scripts/on-node.ts starts and removes.
 */

import { NodeCluster } from '../../support/node/node-cluster.ts';
import { runningNode } from '../../support/node/running-node.ts';
import type { Figure } from '../benchmark.ts';
import { publish } from '../publish.ts';
import type { NodeBenchmark } from './benchmark.ts';
import { calls } from './calls.ts';
import { podStart } from './pod-start.ts';
import { startStage } from './stage.ts';
import { throughput } from './throughput.ts';

const BENCHMARKS: readonly NodeBenchmark[] = [podStart, calls, throughput];

const names = process.argv.slice(2);
for (const name of names) {
  if (!BENCHMARKS.some((each) => each.name === name)) throw new Error(`there is no ${name}`);
}
const cluster = new NodeCluster(runningNode());
const figures: Figure[] = [];
{
  await using stage = await startStage(cluster);
  for (const { name, run } of BENCHMARKS) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.log(`${name} ...`);
    figures.push(...(await run(stage, (line) => console.log(`  ${line}`))));
  }
}
await cluster.disconnect();
publish(figures);
