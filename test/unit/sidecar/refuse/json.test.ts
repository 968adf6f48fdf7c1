import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import { aHead } from '../describe/heads.ts';
import { header, LOG_COMMAND, render } from './render.ts';

const problem = new ProblemError('GrantRequired', 'No grant.', { manifest: 'kind: x\n' });
const LINE =
  'ActionGrant refused the call (GrantRequired): No grant. Ask an approver for a grant; its manifest is in the body of ' +
  `this answer, and in the output of: ${LOG_COMMAND}. The call: GET https://edr.example.com/`;

describe('a refusal over HTTP', () => {
  it('is a problem document that nobody keeps, with the members that SDKs read', () => {
    const refusal = render(problem, 'http');
    expect(refusal.status).toBe(403);
    expect(refusal.reason).toBe(LINE);
    expect(Object.fromEntries(refusal.headers)).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-should-retry': 'false',
    });
    expect(JSON.parse(refusal.body)).toEqual({
      type: 'https://actiongrant.dev/problems/GrantRequired',
      title: 'No usable grant covers this action',
      status: 403,
      detail: 'No grant.',
      code: 'GrantRequired',
      retryable: false,
      manifest: 'kind: x\n',
      message: LINE,
      error: { message: LINE, type: 'GrantRequired', code: 'GrantRequired' },
      errors: [{ code: 'GrantRequired', message: LINE, detail: 'No grant.' }],
    });
  });

  it.each([
    ['*/*', 'application/problem+json'],
    ['application/json', 'application/json'],
    ['application/vnd.github.v3+json', 'application/json'],
    ['application/json, text/plain, */*', 'application/json'],
    ['application/problem+json, application/json', 'application/problem+json'],
    ['application/jsonlines', 'application/problem+json'],
  ])('to a client that accepts %s has the type %s', (accept, expected) => {
    expect(header(render(problem, aHead({ headers: { accept } })), 'content-type')).toBe(expected);
  });

  it('to HEAD says in a header what no body can', () => {
    expect(header(render(problem, aHead({ method: 'HEAD' })), 'actiongrant-refusal')).toBe(LINE);
    expect(header(render(problem, 'http'), 'actiongrant-refusal')).toBeUndefined();
  });

  it('sends nobody to an approver where no grant would help', () => {
    const { reason } = render(new ProblemError('MethodRefused', 'No TRACE.'), 'http');
    expect(reason).toBe(
      'ActionGrant refused the call (MethodRefused): No TRACE. The call: GET https://edr.example.com/',
    );
  });

  it('has one line of printable ASCII, whatever the detail says', () => {
    const odd = new ProblemError('GrantRequired', `a\r\nSet-Cookie: x\u202e${'y'.repeat(5_000)}`);
    const { reason } = render(odd, 'http');
    expect(reason).toMatch(/^[\x20-\x7e]{1,1503}$/);
    expect(reason).toContain('a Set-Cookie: x?yyy');
  });

  it('has the status that the problem was given', () => {
    const again = new ProblemError('GrantRequired', 'No grant.', { status: 503 });
    const { status, body } = render(again, 'http');
    expect([status, JSON.parse(body).status]).toEqual([503, 503]);
  });
});
