import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import { render } from './render.ts';

describe('a refusal over HTTP', () => {
  it('is a problem document that nobody keeps', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
    const refusal = render(problem, 'http');
    expect(refusal.status).toBe(403);
    expect(Object.fromEntries(refusal.headers)).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(refusal.body)).toMatchObject({
      code: 'GrantRequired',
      detail: 'No grant.',
      manifest: 'kind: x\n',
    });
  });
});
