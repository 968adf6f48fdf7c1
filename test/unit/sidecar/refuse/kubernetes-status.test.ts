import { describe, expect, it } from 'vitest';
import { type ProblemCode, ProblemError } from '../../../../core/api/problem.ts';
import { header, render } from './render.ts';

describe('a refusal to a Kubernetes client', () => {
  it('is a Status whose message has what a person needs, the manifest included', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', {
      field: 'action',
      manifest: 'kind: x\n',
    });
    const refusal = render(problem, 'kubernetes');
    expect(header(refusal, 'content-type')).toBe('application/json');
    expect(JSON.parse(refusal.body)).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'ActionGrant refused the call (GrantRequired): No grant.\nThis grant would allow it once (kubectl create -f -):\nkind: x\n',
      reason: 'Forbidden',
      details: { causes: [{ reason: 'GrantRequired', message: 'No grant.', field: 'action' }] },
      code: 403,
    });
  });

  it('names no field and no manifest where there is none', () => {
    const status = JSON.parse(render(new ProblemError('NotReady', 'Wait.'), 'kubernetes').body);
    expect(status.message).toBe('ActionGrant refused the call (NotReady): Wait.');
    expect(status.details.causes).toEqual([{ reason: 'NotReady', message: 'Wait.' }]);
  });

  it.each<[ProblemCode, string]>([
    ['RequestMalformed', 'BadRequest'],
    ['Unauthenticated', 'Unauthorized'],
    ['GrantRequired', 'Forbidden'],
    ['NotFound', 'NotFound'],
    ['MethodRefused', 'MethodNotAllowed'],
    ['AlreadyUsed', 'Conflict'],
    ['BodyTooLarge', 'RequestEntityTooLarge'],
    ['ContentEncodingRefused', 'UnsupportedMediaType'],
    ['GrantInvalid', 'Invalid'],
    ['TooManyRequests', 'TooManyRequests'],
    ['Internal', 'InternalError'],
    ['NotReady', 'ServiceUnavailable'],
    ['DeadlineExceeded', 'Timeout'],
    ['UpstreamUnreachable', 'Unknown'],
  ])('%s has the reason that clients switch on: %s', (code, reason) => {
    const { body } = render(new ProblemError(code, 'No.'), 'kubernetes');
    expect(JSON.parse(body).reason).toBe(reason);
  });
});
