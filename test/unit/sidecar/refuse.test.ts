import { describe, expect, it } from 'vitest';
import { PROBLEMS, type ProblemCode, ProblemError } from '../../../api/problem.ts';
import { renderRefusal } from '../../../sidecar/refuse.ts';

const CODES = Object.keys(PROBLEMS) as ProblemCode[];
const header = (refusal: ReturnType<typeof renderRefusal>, name: string) =>
  refusal.headers.find(([n]) => n === name)?.[1];

describe('a refusal over HTTP', () => {
  it('is a problem document that nobody keeps', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
    const refusal = renderRefusal(problem, 'http');
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

  it('says when to try again, exactly if that can help', () => {
    for (const code of CODES) {
      const problem = new ProblemError(code, 'No.');
      for (const protocol of ['http', 'kubernetes', 'git', 'npm'] as const) {
        const retryAfter = header(renderRefusal(problem, protocol), 'retry-after');
        expect(retryAfter).toBe(problem.retryable ? '1' : undefined);
      }
    }
  });
});

describe('a refusal to git', () => {
  it('is the plain text that git shows, the manifest included', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
    const refusal = renderRefusal(problem, 'git');
    expect(header(refusal, 'content-type')).toBe('text/plain; charset=utf-8');
    expect(refusal.body).toBe(
      'ActionGrant refused the call (GrantRequired): No grant.\nThis grant would allow it once (kubectl create -f -):\nkind: x\n\n',
    );
  });
});

describe('a refusal to npm', () => {
  it('is the problem document, with the member that npm shows, the manifest included', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
    const refusal = renderRefusal(problem, 'npm');
    expect(header(refusal, 'content-type')).toBe('application/problem+json');
    expect(JSON.parse(refusal.body)).toMatchObject({
      code: 'GrantRequired',
      manifest: 'kind: x\n',
      error:
        'ActionGrant refused the call (GrantRequired): No grant.\nThis grant would allow it once (kubectl create -f -):\nkind: x\n',
    });
  });
});

describe('a refusal to a Kubernetes client', () => {
  it('is a Status whose message has what a person needs, the manifest included', () => {
    const problem = new ProblemError('GrantRequired', 'No grant.', {
      field: 'action',
      manifest: 'kind: x\n',
    });
    const refusal = renderRefusal(problem, 'kubernetes');
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
    const status = JSON.parse(
      renderRefusal(new ProblemError('NotReady', 'Wait.'), 'kubernetes').body,
    );
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
    const { body } = renderRefusal(new ProblemError(code, 'No.'), 'kubernetes');
    expect(JSON.parse(body).reason).toBe(reason);
  });
});

it('no refusal shows the cause', () => {
  const problem = new ProblemError('Internal', 'No.', { cause: new Error('hunter2') });
  for (const protocol of ['http', 'kubernetes', 'git', 'npm'] as const) {
    expect(JSON.stringify(renderRefusal(problem, protocol))).not.toContain('hunter2');
  }
});
