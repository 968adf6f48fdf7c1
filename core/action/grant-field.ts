/** Refusals of what a grant says, by the name of the field as its author wrote it. */

import { ProblemError } from '../api/problem.ts';

/** @throws ProblemError GrantInvalid */
export function present<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw invalid(field, 'is required here');
  return value;
}

export function invalid(field: string, reason: string): ProblemError {
  return new ProblemError('GrantInvalid', `${field}: ${reason}.`, { field });
}
