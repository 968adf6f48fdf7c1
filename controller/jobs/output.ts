/** How the jobs that the chart runs speak to whoever runs helm: plain lines, no log. */

import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';

/** Takes one line of text, without its end. */
export type Output = (line: string) => void;

/** The pod's log, which helm shows. */
export const standardOutput: Output = (line) => {
  process.stdout.write(`${line}\n`);
};

/** What went wrong, in one line: the code if there is one, and the error's own text. */
export function reasonOf(error: unknown): string {
  if (isKubernetesError(error)) return `${error.kind}: ${error.message}`;
  // Its message begins with its code.
  if (error instanceof ProblemError) return error.message;
  if (!(error instanceof Error)) return 'unknown';
  // The error of a host with several addresses has a code and no message.
  return error.message || ('code' in error ? String(error.code) : error.name);
}
