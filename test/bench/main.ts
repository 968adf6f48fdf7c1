/**
 * `make bench`: measures on a real API server, prints a table, and writes a flat JSON object to the file that BENCH_JSON
 * names. With arguments only the benchmarks of these names run (`double-spend` runs only so: it takes minutes).
 */

import type { Benchmark, Figure } from './benchmark.ts';
import { doubleSpend } from './double-spend.ts';
import { type Environment, startEnvironment } from './environment.ts';
import { forwarding } from './forwarding.ts';
import { grantedCall } from './granted-call.ts';
import { match } from './match.ts';
import { policyEvaluate } from './policy-evaluate.ts';
import { publish } from './publish.ts';
import { revokeToRefused } from './revoke-to-refused.ts';
import { scan } from './scan.ts';
import { sidecarMemory } from './sidecar-memory.ts';
import { usesOverWrites } from './uses-over-writes.ts';

/** Those without a control plane first: nothing else runs beside them then. */
const BY_DEFAULT: readonly Benchmark[] = [
  match,
  policyEvaluate,
  scan,
  forwarding,
  grantedCall,
  usesOverWrites,
  revokeToRefused,
  sidecarMemory,
];
const BY_NAME: readonly Benchmark[] = [...BY_DEFAULT, doubleSpend];

async function main(names: readonly string[]): Promise<void> {
  const chosen =
    names.length === 0 ? BY_DEFAULT : BY_NAME.filter(({ name }) => names.includes(name));
  for (const name of names) {
    if (!chosen.some((each) => each.name === name)) throw new Error(`there is no ${name}`);
  }
  const figures: Figure[] = [];
  let starting: Promise<Environment> | undefined;
  const environment = (): Promise<Environment> => {
    starting ??= startEnvironment();
    return starting;
  };
  const clean = async (): Promise<void> => {
    await (await starting?.catch(() => undefined))?.[Symbol.asyncDispose]();
  };
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      // What a benchmark started by itself ends with this process.
      void clean().finally(() => process.exit(130));
    });
  }
  try {
    for (const { name, run } of chosen) {
      console.log(`${name} ...`);
      figures.push(...(await run(environment, (line) => console.log(`  ${line}`))));
    }
  } catch (error) {
    // What is measured just now fails when everything is taken away from it.
    if (interrupted) return;
    throw error;
  } finally {
    if (!interrupted) await clean();
  }
  publish(figures);
}

await main(process.argv.slice(2));
