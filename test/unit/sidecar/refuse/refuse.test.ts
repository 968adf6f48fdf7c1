import { describe, expect, it } from 'vitest';
import { PROBLEMS, type ProblemCode, ProblemError } from '../../../../core/api/problem.ts';
import { MemoryBudget } from '../../../../sidecar/intercept/memory-budget.ts';
import { type RefusalProtocol, renderRefusal } from '../../../../sidecar/refuse/refuse.ts';

const CODES = Object.keys(PROBLEMS) as ProblemCode[];
/** The body as text. There is room for it, unless `room` says less. */
function render(problem: ProblemError, protocol: RefusalProtocol, room = 1_000_000) {
  const refusal = renderRefusal(problem, protocol, new MemoryBudget(room).hold());
  return { ...refusal, body: Buffer.from(refusal.body).toString() };
}
const header = (refusal: ReturnType<typeof render>, name: string) =>
  refusal.headers.find(([n]) => n === name)?.[1];

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

  it('says when to try again, exactly if that can help', () => {
    for (const code of CODES) {
      const problem = new ProblemError(code, 'No.');
      for (const protocol of ['http', 'kubernetes', 'git', 'npm'] as const) {
        const retryAfter = header(render(problem, protocol), 'retry-after');
        expect(retryAfter).toBe(problem.retryable ? '1' : undefined);
      }
    }
  });
});

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

it('no refusal shows the cause', () => {
  const problem = new ProblemError('Internal', 'No.', { cause: new Error('hunter2') });
  for (const protocol of ['http', 'kubernetes', 'git', 'npm'] as const) {
    expect(JSON.stringify(render(problem, protocol))).not.toContain('hunter2');
  }
});

describe('a refusal whose manifest finds no room', () => {
  const problem = new ProblemError('GrantRequired', 'No grant.', {
    field: 'action',
    manifest: `kind: ${'x'.repeat(1000)}\n`,
  });

  it.each(['http', 'kubernetes', 'git'] as const)(
    'goes without it, and says so (%s)',
    (protocol) => {
      const { status, body } = render(problem, protocol, 1_000);
      expect(status).toBe(403);
      expect(body).toContain('No grant. The grant that would allow it is left out');
      expect(body).not.toContain('xxx');
    },
  );

  it('has taken none, and takes what its bytes are otherwise', () => {
    const budget = new MemoryBudget(10_000);
    const hold = budget.hold();
    const { body } = renderRefusal(problem, 'git', hold);
    expect(Buffer.from(body).toString()).toContain('xxx');
    const left = 10_000 - body.length;
    expect(budget.hold().tryTake(left + 1)).toBe(false);
    renderRefusal(problem, 'git', { tryTake: () => false });
    expect(budget.hold().tryTake(left)).toBe(true);
  });
});
