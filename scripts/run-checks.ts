// `make test`: every stage, also after one failed, side by side where they don't need each other, and one line at the end
// that counts. Usage: run-checks.ts [stage…]; all of them when none is named.
import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { whyNoNode } from '../test/support/node/requirements.ts';
import { endRunningScripts, runScript } from './run-script.ts';
import { runInOrder, runsAlone, type Stage } from './stages.ts';
import {
  type Count,
  countCheck,
  countTests,
  type FileTime,
  failures,
  leftOut,
  slowestFiles,
  summaryLine,
  wholeTime,
} from './summary.ts';
import { ROOT } from './tools.ts';
import { type VitestReports, vitestReports } from './vitest-reports.ts';

const CHECKS = ['lint', 'arrows', 'check-generated', 'knip', 'build'];

/** Only where it is named: `build` compiles the same files, tests included, and finds the same. */
const TYPES: Stage = { script: 'types', kind: 'check' };

/** What a stage comes after either makes something for it, or would take the processors from it. */
const STAGES: readonly Stage[] = [
  ...CHECKS.map((script): Stage => ({ script, kind: 'check' })),
  { script: 'unit', kind: 'vitest', after: CHECKS },
  // The tests start our processes from dist/.
  { script: 'integration', kind: 'vitest', after: ['build', 'unit'] },
  // They wait more than they work, each on a cluster of its own.
  { script: 'e2e', kind: 'vitest', whyNot: whyNoNode },
  // Those with faults last: calls under load must be answered in time, which they are not beside everything else.
  { script: 'e2e-alone', kind: 'vitest', whyNot: whyNoNode },
];

const LOGS = join(ROOT, '.make', 'logs');
const { scripts }: { scripts: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);

/** What a stage came to. */
interface Result {
  readonly count: Count;
  readonly failed: readonly string[];
  readonly files: readonly FileTime[];
}

let interrupted = false;
// What the stages started ends with them; the count is still printed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    endRunningScripts();
  });
}

const wanted = process.argv.slice(2);
const stages =
  wanted.length === 0 ? STAGES : [...STAGES, TYPES].filter(({ script }) => wanted.includes(script));

mkdirSync(LOGS, { recursive: true });
const started = performance.now();
const results = await runInOrder(stages, runStage);
const files = results.flatMap((result) => result.files);
console.log(['', ...slowestFiles(files, ROOT), wholeTime(secondsSince(started))].join('\n'));
const failedStages = stages.filter((_, index) => (results[index]?.count.failed ?? 0) > 0);
if (failedStages.length > 0) {
  console.log(`failed: ${failedStages.map(({ script }) => script).join(', ')}`);
  for (const line of results.flatMap(({ failed }) => failed)) console.log(`  ${line}`);
}
console.log(summaryLine(results.map(({ count }) => count)));
process.exitCode = failedStages.length > 0 ? 1 : 0;

async function runStage(stage: Stage): Promise<Result> {
  const { script, kind, whyNot } = stage;
  if (interrupted) return { count: countCheck(false), failed: [], files: [] };
  const why = whyNot?.();
  if (why !== undefined) {
    const { line, count } = leftOut(script, why, process.env['CI'] === 'true');
    console.log(`\n${line}`);
    return { count, failed: [], files: [] };
  }
  return kind === 'check' ? runCheck(stage) : runTests(stage);
}

async function runCheck(stage: Stage): Promise<Result> {
  return { count: countCheck(await runAndTell(stage)), failed: [], files: [] };
}

async function runTests(stage: Stage): Promise<Result> {
  const reports = vitestReports(stage.script);
  const succeeded = await runAndTell(stage, reports);
  const results = reports.results();
  return {
    count: countTests(succeeded, results),
    failed: failures(results).map((line) => line.replace(`${ROOT}/`, '')),
    files: reports.fileTimes(),
  };
}

/** Runs a stage's script. The output of one that others may run beside is shown whole once it ended. */
async function runAndTell(stage: Stage, reports?: VitestReports): Promise<boolean> {
  const { script } = stage;
  const log = runsAlone(stage, stages) ? undefined : join(LOGS, `${script}.log`);
  console.log(
    log === undefined ? `\n== ${script}` : `== ${script} begins (${relative(ROOT, log)})`,
  );
  const began = performance.now();
  const succeeded = await runScript(scripts[script] ?? '', { ...reports, log });
  if (log !== undefined) process.stdout.write(`\n== ${script}\n${readFileSync(log, 'utf8')}`);
  console.log(`== ${script} ${succeeded ? 'ok' : 'FAILED'}, ${secondsSince(began).toFixed(1)} s`);
  return succeeded;
}

function secondsSince(moment: number): number {
  return (performance.now() - moment) / 1000;
}
