import { describe, expect, it } from 'vitest';
import { parseActionBody, statedBody, waysToState } from '../../../../core/action/body.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { sha256Hex } from '../../../../core/text/sha256.ts';

const SHA256 = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

describe('how a grant states a body', () => {
  it('is none if it says nothing', () => {
    expect(statedBody(undefined, 'x')).toEqual({ form: 'None' });
  });

  it('is for JSON the digest of the canonical text', () => {
    const sha256 = sha256Hex('{"a":1,"b":2}');
    expect(statedBody({ type: 'JSON', json: '{"b": 2.0, "a": 1}' }, 'x')).toEqual({
      form: 'JSON',
      sha256,
    });
  });

  it('is for bytes their digest, and for Any nothing more', () => {
    expect(statedBody({ type: 'SHA256', sha256: SHA256 }, 'x')).toEqual({
      form: 'SHA256',
      sha256: SHA256,
    });
    expect(statedBody({ type: 'Any' }, 'x')).toEqual({ form: 'Any' });
  });

  it.each([
    [{ type: 'JSON' }, 'x.json'],
    [{ type: 'JSON', json: '{' }, 'x.json'],
    [{ type: 'SHA256' }, 'x.sha256'],
  ] as const)('is refused for %j by the name of %s', (body, field) => {
    expect(() => statedBody(body, field.slice(0, 1))).toThrow(
      expect.objectContaining({ code: 'GrantInvalid', field }),
    );
  });
});

describe('a body that was sent', () => {
  it.each([
    [{ kind: 'none' }, ['None']],
    [{ kind: 'unread' }, ['Any']],
    [{ kind: 'bytes', sha256: SHA256 }, ['SHA256', 'Any']],
    [{ kind: 'bytes', sha256: SHA256, jsonSha256: SHA256 }, ['JSON', 'SHA256', 'Any']],
    [{ kind: 'bytes', sha256: SHA256, jsonSha256: OTHER }, ['JSON', 'SHA256', 'SHA256', 'Any']],
  ] as const)('%j may be stated as %j', (body, forms) => {
    expect(waysToState(body).map(({ pattern }) => pattern.form)).toEqual(forms);
    expect(parseActionBody(JSON.parse(JSON.stringify(body)))).toEqual(body);
  });

  it('is sent in its canonical bytes where their digest was compared, and as it came otherwise', () => {
    const ways = waysToState({ kind: 'bytes', sha256: SHA256, jsonSha256: OTHER });
    expect(ways).toContainEqual({ pattern: { form: 'SHA256', sha256: OTHER }, form: 'JSON' });
    expect(ways).toContainEqual({ pattern: { form: 'SHA256', sha256: SHA256 }, form: 'SHA256' });
  });

  it.each([
    [{ kind: 'none', sha256: SHA256 }, 'action.body.sha256'],
    [{ kind: 'bytes' }, 'action.body.sha256'],
    [{ kind: 'bytes', sha256: 'A'.repeat(64) }, 'action.body.sha256'],
    [{ kind: 'json' }, 'action.body.kind'],
  ])('%j is refused on the wire', (body, field) => {
    expect(() => parseActionBody(body)).toThrow(ProblemError);
    expect(() => parseActionBody(body)).toThrow(expect.objectContaining({ field }));
  });
});
