import { describe, expect, it } from 'vitest';
import {
  asProblem,
  isProblemCode,
  PROBLEMS,
  type ProblemCode,
  ProblemError,
  toProblemDocument,
} from '../../../../core/api/problem.ts';

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

describe.each(CODES)('%s', (code) => {
  it('is an error status with a title, retryable only where another try can help', () => {
    const { status, retryable, title } = PROBLEMS[code];
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z][\x20-\x7e]*[^.]$/);
    if (retryable) expect([404, 429, 503]).toContain(status);
    if (status === 503) expect(retryable).toBe(true);
  });
});

it('a problem document has the members of RFC 9457 and ours, and no cause', () => {
  const error = new ProblemError('GrantRequired', 'No grant covers this action.', {
    field: 'url',
    manifest: 'kind: ActionGrant',
    cause: new Error('secret'),
  });
  expect(error.message).toBe('GrantRequired: No grant covers this action.');
  expect(error.name).toBe('ProblemError');
  expect(toProblemDocument(error)).toEqual({
    type: 'https://actiongrant.dev/problems/GrantRequired',
    title: 'No usable grant covers this action',
    status: 403,
    detail: 'No grant covers this action.',
    code: 'GrantRequired',
    retryable: false,
    field: 'url',
    manifest: 'kind: ActionGrant',
  });
});

it('a problem document leaves out what there is not', () => {
  const document = toProblemDocument(new ProblemError('NotReady', 'Wait.'));
  expect(Object.keys(document)).toEqual(['type', 'title', 'status', 'detail', 'code', 'retryable']);
});

describe('anything thrown', () => {
  it('that is a problem stays the same', () => {
    const error = new ProblemError('NotReady', 'Wait.');
    expect(asProblem(error)).toBe(error);
  });

  it.each([[new Error('password=hunter2')], ['password=hunter2'], [undefined], [null]])(
    'that is %s becomes Internal, and its text is for the log only',
    (thrown) => {
      const problem = asProblem(thrown);
      expect(problem.code).toBe('Internal');
      expect(JSON.stringify(toProblemDocument(problem))).not.toContain('hunter2');
      expect(problem.cause).toBe(thrown);
    },
  );
});

it('only the codes of the table are codes', () => {
  for (const code of CODES) expect(isProblemCode(code)).toBe(true);
  for (const other of [
    '',
    'internal',
    'toString',
    '__proto__',
    'constructor',
    1,
    null,
    undefined,
  ]) {
    expect(isProblemCode(other)).toBe(false);
  }
});
