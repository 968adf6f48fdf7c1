import { expect, it } from 'vitest';
import { unavailable } from '../../../controller/kubernetes-unavailable.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import { KubernetesError } from '../../../core/kubernetes/error.ts';

it.each(['Unavailable', 'Ambiguous', 'Aborted'] as const)(
  'an API server that does not answer (%s) is a problem that may pass',
  (kind) => {
    expect(unavailable(new KubernetesError(kind, 'no'))).toMatchObject({
      code: 'KubernetesUnavailable',
      retryable: true,
      detail: expect.stringContaining('does not answer'),
    });
  },
);

it('an API server that refuses names its kind of refusal, and not its words', () => {
  const problem = unavailable(new KubernetesError('Forbidden', 'secrets of the house'));
  expect(problem).toMatchObject({ detail: expect.stringContaining('(Forbidden)') });
  expect((problem as ProblemError).detail).not.toContain('secrets of the house');
});

it.each([new ProblemError('UseRaced', 'again'), new TypeError('a bug')])(
  'any other error stays what it is: %s',
  (error) => {
    expect(unavailable(error)).toBe(error);
  },
);
