import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';

/** On a machine that is busy with other tests. */
const END_MILLISECONDS = 40_000;

export interface ProgramResult {
  readonly code: number;
  /** Everything it wrote. */
  readonly output: string;
}

/** Runs one of our programs to its end, with this environment and nothing else. @throws Error if it does not end */
export function runProgram(
  program: 'controller' | 'sidecar',
  environment: Readonly<Record<string, string>>,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [join(ROOT, `dist/${program}/main.js`)],
      { env: environment, timeout: END_MILLISECONDS, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        const output = stdout + stderr;
        if (error !== null && typeof error.code !== 'number') {
          reject(new Error(`the ${program} did not end by itself: ${output}`));
        } else resolve({ code: Number(error?.code ?? 0), output });
      },
    );
  });
}
