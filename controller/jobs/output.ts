/** How the jobs that the chart runs speak to whoever runs helm: plain lines, no log. */

import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What went wrong, in one line: the code if there is one, and the error's own text. */
export function reasonOf(error: unknown): string {
  if (isKubernetesError(error)) return `${error.kind}: ${error.message}`;
  // Its message begins with its code.
  if (error instanceof ProblemError) return error.message;
  if (!(error instanceof Error)) return 'unknown';
  // Of a host with several addresses, Node.js says nothing but the code.
  return error.message || ('code' in error ? String(error.code) : error.name);
}
