/** Makes changes to a copy of the repository, one at a time, and checks that tests fail which hold what was changed. */

import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestModule } from 'vitest/node';
import { startVitest } from 'vitest/node';
import { ROOT } from '../../scripts/tools.ts';
import { sweepAtExit } from '../support/tied-process.ts';

export interface Change {
  readonly file: string;
  /** Must be there exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutation {
  readonly name: string;
  /** The file of the tests of which one must fail. */
  readonly file: string;
  /** What is in their titles. */
  readonly tests: string;
  readonly changes: readonly Change[];
  /** Those of our programs that the tests start: they run what is compiled, so it is compiled again after each change. */
  readonly programs?: readonly Program[];
}

type Program = 'controller' | 'sidecar';

const execute = promisify(execFile);

/** Of a failed test's title and message, what is shown. */
const KILLER_LENGTH = 200;
const NOT_COPIED = new Set(['.git', '.cache', '.make', 'dist', 'node_modules']);

/**
 * Every mutation in a copy of the repository, one at a time.
 * @returns the names of those that no test noticed
 * @throws Error if a mutation does not fit the code, or its tests fail without it
 */
export async function runMutations(mutations: readonly Mutation[]): Promise<string[]> {
  const copy = await mkdtemp(join(tmpdir(), 'actiongrant-mutation-'));
  const sweep = sweepAtExit(copy);
  try {
    await cp(ROOT, copy, {
      recursive: true,
      filter: (source) => source === ROOT || !NOT_COPIED.has(basename(source)),
    });
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    // All of them first: a mutation that no longer fits the code should not be found after minutes.
    for (const { changes } of mutations) await (await apply(copy, changes))();
    const survivors: string[] = [];
    for (const [file, ofFile] of Map.groupBy(mutations, (mutation) => mutation.file)) {
      await expectNoFailure(copy, file, ofFile);
      for (const mutation of ofFile) {
        if (!(await isNoticed(copy, mutation))) survivors.push(mutation.name);
      }
    }
    return survivors;
  } finally {
    await sweep();
  }
}

async function expectNoFailure(
  copy: string,
  file: string,
  mutations: readonly Mutation[],
): Promise<void> {
  const programs = new Set(mutations.flatMap((mutation) => mutation.programs ?? []));
  await compile(copy, programs);
  const failed = await run(copy, file, [...new Set(mutations.map(({ tests }) => tests))]);
  if (failed.length === 0) return;
  throw new Error(`without a mutation, tests of ${file} fail already: ${failed.join('; ')}`);
}

async function isNoticed(copy: string, mutation: Mutation): Promise<boolean> {
  const { name, file, tests, changes, programs = [] } = mutation;
  const start = performance.now();
  const restore = await apply(copy, changes);
  await compile(copy, programs);
  const [killer] = await run(copy, file, [tests]);
  await restore();
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  say(`${killer === undefined ? 'SURVIVED' : 'killed'} (${seconds} s): ${name}`);
  if (killer !== undefined) say(`  ${killer.slice(0, KILLER_LENGTH)}`);
  return killer !== undefined;
}

/** From the sources, into the places where `npm run build` puts them. */
async function compile(root: string, programs: Iterable<Program>): Promise<void> {
  for (const program of programs) {
    const [source, compiled] = [`${program}/main.ts`, `dist/${program}/main.js`];
    const options = '--platform node --format esm --no-codeSplitting --log-level warn'.split(' ');
    const outside = ['koffi', '@kubernetes/client-node'].flatMap((name) => ['--external', name]);
    await execute(
      join(ROOT, 'node_modules/.bin/rolldown'),
      [source, '--file', compiled, ...options, ...outside],
      { cwd: root },
    );
  }
}

/** @returns what failed, and how; a file that did not run at all is an error */
async function run(root: string, file: string, titles: readonly string[]): Promise<string[]> {
  const vitest = await startVitest('test', [join(root, file)], {
    root,
    config: false,
    watch: false,
    reporters: [{}],
    environment: 'node',
    include: [file],
    // Starts nothing before a test asks for it.
    globalSetup: file.startsWith('test/unit/') ? [] : ['test/support/shared-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    testNamePattern: new RegExp(titles.map(literally).join('|')),
  });
  const modules = vitest.state.getTestModules();
  await vitest.close();
  process.exitCode = 0;
  const results = modules.flatMap(resultsOf);
  if (results.length === 0) {
    const errors = modules.flatMap((module) => module.errors().map(({ message }) => message));
    throw new Error(`no test of "${titles.join('", "')}" ran: ${errors.join('; ')}`);
  }
  return results.filter((result) => result !== undefined);
}

/** Of every test that ran: what failed, or undefined. */
function resultsOf(module: TestModule): (string | undefined)[] {
  return [...module.children.allTests()].flatMap((test) => {
    const { state, errors } = test.result();
    if (state === 'failed') return [`${test.name}: ${errors?.[0]?.message.split('\n')[0]}`];
    return state === 'passed' ? [undefined] : [];
  });
}

/** @returns what undoes it */
async function apply(root: string, changes: readonly Change[]): Promise<() => Promise<void>> {
  const originals = new Map<string, string>();
  for (const { file, from, to } of changes) {
    const path = join(root, file);
    const text = await readFile(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
    if (!originals.has(path)) originals.set(path, text);
    await writeFile(
      path,
      text.replace(from, () => to),
    );
  }
  return async () => {
    for (const [path, text] of originals) await writeFile(path, text);
  };
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
