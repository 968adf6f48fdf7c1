import { writeFileSync } from 'node:fs';
import { type Figure, isMet } from './benchmark.ts';
import { rounded } from './statistics.ts';

/** Prints the table, and writes a flat JSON object to the file that BENCH_JSON names. */
export function publish(figures: readonly Figure[]): void {
  print(figures);
  const file = process.env['BENCH_JSON'];
  if (file === undefined) return;
  const flat = Object.fromEntries(figures.map(({ key, value }) => [key, rounded(value, 4)]));
  writeFileSync(file, `${JSON.stringify(flat, null, 2)}\n`);
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
