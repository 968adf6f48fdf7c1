/** Refusals of a header, by its name. */

import { type ProblemCode, ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

export function refuse(
  name: string,
  reason: string,
  code: ProblemCode = 'HeaderRefused',
): ProblemError {
  return new ProblemError(code, `Header ${printable(name, 64)}: ${reason}.`, { field: name });
}
