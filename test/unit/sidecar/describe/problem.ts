import { asProblem, type ProblemCode } from '../../../../core/api/problem.ts';

/** What a call is refused with, for tables: the code and the field at fault. */
export function refusal(call: () => unknown): { code: ProblemCode | 'accepted'; field?: string } {
  try {
    call();
    return { code: 'accepted' };
  } catch (error) {
    const problem = asProblem(error);
    if (problem.code === 'Internal') throw error;
    return problem.field === undefined
      ? { code: problem.code }
      : { code: problem.code, field: problem.field };
  }
}
