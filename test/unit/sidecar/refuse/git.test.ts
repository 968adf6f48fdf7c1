import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import { header, render } from './render.ts';

describe('a refusal to git', () => {
  it('is the plain text that git shows, the manifest included', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
    const refusal = render(problem, 'git');
    expect(header(refusal, 'content-type')).toBe('text/plain; charset=utf-8');
    expect(refusal.body).toBe(
      'ActionGrant refused the call (GrantRequired): No grant.\nThis grant would allow it once (kubectl create -f -):\nkind: x\n\n',
    );
  });
});
