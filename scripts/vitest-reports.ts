import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_TIMES_VARIABLE } from './file-times.ts';
import type { FileTime, VitestReport } from './summary.ts';
import { ROOT } from './tools.ts';

const FOLDER = join(ROOT, '.make', 'reports');

/** What a run of vitest leaves behind, and how it is told to. */
export interface VitestReports {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined if the run did not get to its end. */
  results(): VitestReport | undefined;
  /** Empty if the run did not get to its end. */
  fileTimes(): readonly FileTime[];
}

/** Those of a stage. What an earlier run left is removed. */
export function vitestReports(stage: string): VitestReports {
  const results = join(FOLDER, `${stage}.json`);
  const fileTimes = join(FOLDER, `${stage}.times.json`);
  mkdirSync(FOLDER, { recursive: true });
  for (const path of [results, fileTimes]) rmSync(path, { force: true });
  const reporters = ['default', 'json', join(import.meta.dirname, 'file-times.ts')];
  return {
    args: [...reporters.map((name) => `--reporter=${name}`), `--outputFile.json=${results}`],
    environment: { [FILE_TIMES_VARIABLE]: fileTimes },
    results: () => readJSON<VitestReport>(results),
    fileTimes: () => readJSON<readonly FileTime[]>(fileTimes) ?? [],
  };
}

function readJSON<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
