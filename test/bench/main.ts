/**
 * `make bench`: measures on a real API server, prints a table, and writes a flat JSON object to the file that BENCH_JSON
 * names. With arguments only the benchmarks of these names run (`double-spend` runs only so: it takes minutes).
 */

import { writeFileSync } from 'node:fs';
import { type Benchmark, type Figure, isMet } from './benchmark.ts';
import { type Environment, startEnvironment } from './environment.ts';
import { grantedCall } from './granted-call.ts';
import { rounded } from './statistics.ts';

const BENCHMARKS: readonly Benchmark[] = [grantedCall];

async function main(names: readonly string[]): Promise<void> {
  const chosen = BENCHMARKS.filter(({ name }) => names.length === 0 || names.includes(name));
  const figures: Figure[] = [];
  let starting: Promise<Environment> | undefined;
  const environment = (): Promise<Environment> => {
    starting ??= startEnvironment();
    return starting;
  };
  try {
    for (const { name, run } of chosen) {
      console.log(`${name} ...`);
      figures.push(...(await run(environment, (line) => console.log(`  ${line}`))));
    }
  } finally {
    await (await starting?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
  print(figures);
  const file = process.env['BENCH_JSON'];
  if (file !== undefined) {
    const flat = Object.fromEntries(figures.map(({ key, value }) => [key, rounded(value, 4)]));
    writeFileSync(file, `${JSON.stringify(flat, null, 2)}\n`);
  }
}

function print(figures: readonly Figure[]): void {
  console.log();
  for (const figure of figures) {
    const { key, value, goal, meaning } = figure;
    const wanted =
      goal === undefined ? '' : 'atMost' in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
    const met = isMet(figure);
    const verdict = met === undefined ? '' : met ? 'met' : 'MISSED';
    console.log(
      `${key.padEnd(34)}${`${rounded(value)}`.padStart(9)}  ${wanted.padEnd(8)}${verdict.padEnd(8)}${meaning}`,
    );
  }
}

await main(process.argv.slice(2));
