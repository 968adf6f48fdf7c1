import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import { header, render } from './render.ts';

describe('a refusal to npm', () => {
  it('is the problem document, with the member that npm shows, the manifest included', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
    const refusal = render(problem, 'npm');
    expect(header(refusal, 'content-type')).toBe('application/problem+json');
    expect(JSON.parse(refusal.body)).toMatchObject({
      code: 'GrantRequired',
      manifest: 'kind: x\n',
      error:
        'ActionGrant refused the call (GrantRequired): No grant.\nThis grant would allow it once (kubectl create -f -):\nkind: x\n',
    });
  });
});
