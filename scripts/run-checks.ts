// `make test`: every stage in turn, also after one failed, and one line at the end that counts.
// Usage: run-checks.ts [stage…]; all of them when none is named.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { whyNoNode } from '../test/support/node/requirements.ts';
import {
  type Count,
  countCheck,
  countTests,
  failures,
  leftOut,
  summaryLine,
  type VitestReport,
} from './summary.ts';
import { ROOT } from './tools.ts';

interface Stage {
  /** A script of package.json. */
  readonly script: string;
  readonly kind: 'check' | 'vitest';
  /** Why this machine can't run it, or undefined if it can. */
  readonly whyNot?: () => string | undefined;
}

const STAGES: readonly Stage[] = [
  { script: 'lint', kind: 'check' },
  { script: 'types', kind: 'check' },
  { script: 'arrows', kind: 'check' },
  { script: 'check-generated', kind: 'check' },
  { script: 'knip', kind: 'check' },
  // The tests start our processes from dist/.
  { script: 'build', kind: 'check' },
  { script: 'unit', kind: 'vitest' },
  { script: 'integration', kind: 'vitest' },
  { script: 'attack', kind: 'vitest' },
  { script: 'e2e', kind: 'vitest', whyNot: whyNoNode },
];

const REPORTS = join(ROOT, '.make', 'reports');

let interrupted = false;
// The stage gets the terminal's signal too and ends by itself; the count is still printed.
process.on('SIGINT', () => {
  interrupted = true;
});

const scripts: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
).scripts;
const wanted = process.argv.slice(2);
const stages = STAGES.filter(({ script }) => wanted.length === 0 || wanted.includes(script));

mkdirSync(REPORTS, { recursive: true });
const counts: Count[] = [];
const failed: string[] = [];
const failedTests: string[] = [];
for (const stage of stages) {
  const count = interrupted ? countCheck(false) : await runStage(stage);
  counts.push(count);
  if (count.failed > 0) failed.push(stage.script);
}
if (failed.length > 0) console.log(`\nfailed: ${failed.join(', ')}`);
for (const line of failedTests) console.log(`  ${line}`);
console.log(summaryLine(counts));
process.exitCode = failed.length > 0 ? 1 : 0;

async function runStage({ script, kind, whyNot }: Stage): Promise<Count> {
  console.log(`\n== ${script}`);
  const why = whyNot?.();
  if (why !== undefined) {
    const { line, count } = leftOut(script, why, process.env['CI'] === 'true');
    console.log(line);
    return count;
  }
  const started = performance.now();
  const report = join(REPORTS, `${script}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const succeeded = await runScript(script, kind === 'vitest' ? reporters : []);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`== ${script} ${succeeded ? 'ok' : 'FAILED'}, ${seconds} s`);
  if (kind === 'check') return countCheck(succeeded);
  const results = readReport(report);
  failedTests.push(...failures(results).map((line) => line.replace(`${ROOT}/`, '')));
  return countTests(succeeded, results);
}

/**
 * Runs a script of package.json as npm would, without needing npm. Both streams go to standard
 * output, so that nothing is written after the last line.
 */
async function runScript(script: string, args: readonly string[]): Promise<boolean> {
  const child = spawn('/bin/sh', ['-c', `${scripts[script]} "$@"`, 'sh', ...args], {
    cwd: ROOT,
    env: {
      ...process.env,
      PATH: `${join(ROOT, 'node_modules', '.bin')}${delimiter}${process.env['PATH']}`,
    },
    stdio: ['ignore', 'inherit', process.stdout],
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}

function readReport(path: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
