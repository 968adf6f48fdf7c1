/** Refusals of calls to the API server that no grant could ever cover. */

import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

/** @param field an attribute or a query parameter */
export function neverGranted(field: string, reason: string): ProblemError {
  return new ProblemError('KubernetesRequestRefused', `${printable(field, 64)}: ${reason}.`, {
    field,
  });
}

export function methodRefused(method: string): ProblemError {
  return new ProblemError(
    'MethodRefused',
    `The method ${method} has no meaning to the API server here.`,
    { field: 'method' },
  );
}
