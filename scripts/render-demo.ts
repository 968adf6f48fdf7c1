/**
 * Renders the chart for `make demo`, which so needs no helm: demo/release.yaml. The CRDs are not in it, they are in crds/.
 * `--check` changes nothing and fails if the file is not what helm renders now.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEAMS } from '../demo/stage.ts';
import { renderText } from '../test/support/chart.ts';
import { ROOT } from './tools.ts';

const FILE = 'demo/release.yaml';
const HEADER =
  '# What helm renders the chart to for the demo. Written by scripts/render-demo.ts (make generate).\n';

const agentNamespaces = TEAMS.map(({ namespace }) => namespace);
const text = HEADER + (await renderText({ crds: { enabled: false }, rbac: { agentNamespaces } }));
const path = join(ROOT, FILE);

if (!process.argv.includes('--check')) {
  writeFileSync(path, text);
} else if (readFileSync(path, 'utf8') !== text) {
  console.error(`${FILE} is not what helm renders now\nRun: node scripts/render-demo.ts`);
  process.exitCode = 1;
}
