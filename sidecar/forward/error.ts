/** A failed round trip to the upstream, with the one fact that decides about giving a use back. */

import { type ProblemCode, ProblemError, type ProblemOptions } from '../../core/api/problem.ts';

export class ForwardError extends ProblemError {
  /** False only if certainly no byte of the request was written to the upstream. */
  readonly dispatched: boolean;

  constructor(
    code: ProblemCode,
    dispatched: boolean,
    detail: string,
    options: ProblemOptions = {},
  ) {
    super(code, detail, options);
    this.name = 'ForwardError';
    this.dispatched = dispatched;
  }
}
