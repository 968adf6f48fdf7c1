/** What is wrong in a policy, by the name of the field as its author wrote it, and what to write instead. */

import type { Position } from '../text/position.ts';

export interface Finding {
  /** Such as `spec.rules[3].when`. */
  readonly field: string;
  /** In its text. */
  readonly at?: Position;
  /** What is wrong, as a predicate of the field. */
  readonly reason: string;
  /** What to do, as an imperative. */
  readonly wayOut: string;
}

/** Collects what a policy's author is told: all of it at once. */
export class Findings {
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];

  error(field: string, reason: string, wayOut: string, at?: Position): void {
    this.errors.push({ field, reason, wayOut, ...(at && { at }) });
  }

  warn(field: string, reason: string, wayOut: string): void {
    this.warnings.push({ field, reason, wayOut });
  }
}

/** One line, for a refusal of admission and for the condition Accepted. */
export function findingText({ field, at, reason, wayOut }: Finding): string {
  const place = at === undefined ? '' : ` (line ${at.line}, column ${at.column})`;
  return `${field}${place} ${reason}: ${wayOut}.`;
}
