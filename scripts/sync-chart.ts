/**
 * Copies crds/, the source of truth, into the chart: Helm packages nothing from outside a chart's folder.
 * `--check` changes nothing and fails if a copy is missing, different or left over.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'crds');
const COPY = join(ROOT, 'charts/actiongrant/files/crds');

/** Content by file name. */
function read(directory: string): Map<string, string> {
  mkdirSync(directory, { recursive: true });
  const names = readdirSync(directory).filter((name) => name.endsWith('.yaml'));
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

const source = read(SOURCE);
const copy = read(COPY);
const stale = [...new Set([...source.keys(), ...copy.keys()])].filter(
  (name) => source.get(name) !== copy.get(name),
);

if (process.argv.includes('--check')) {
  for (const name of stale) {
    console.error(`charts/actiongrant/files/crds/${name} differs from crds/${name}`);
  }
  if (stale.length > 0) {
    console.error('Run: node scripts/sync-chart.ts');
    process.exitCode = 1;
  }
} else {
  for (const name of stale) {
    const content = source.get(name);
    if (content === undefined) rmSync(join(COPY, name));
    else writeFileSync(join(COPY, name), content);
  }
}
