import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import {
  failureOf,
  isConnectError,
  NoAnswerError,
  parseAnswer,
  readUseAnswer,
} from '../../../../sidecar/exchange/answer.ts';

it.each([
  ['ECONNREFUSED', true],
  ['EHOSTUNREACH', true],
  ['ENOTFOUND', true],
  ['EAI_AGAIN', true],
  ['UND_ERR_CONNECT_TIMEOUT', true],
  ['UND_ERR_CLOSED', true],
  ['CERT_HAS_EXPIRED', true],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true],
  // These come after the connection stood.
  ['ECONNRESET', false],
  ['UND_ERR_SOCKET', false],
  ['ABORT_ERR', false],
  [undefined, false],
  [23, false],
])('after %s it is certain that nothing was sent: %s', (code, certain) => {
  expect(isConnectError(Object.assign(new Error('failed'), { code }))).toBe(certain);
});

describe('an answer of failure', () => {
  it("is the controller's own problem, with its field", () => {
    const text = JSON.stringify({ code: 'GrantRequired', detail: 'No grant.', field: 'action' });
    const failure = failureOf(403, text);
    expect(failure).toBeInstanceOf(ProblemError);
    expect(failure).toMatchObject({ code: 'GrantRequired', detail: 'No grant.', field: 'action' });
  });

  it('has the body of a grant that nearly fits, if the controller tells it and it can be read', () => {
    const nearBody = { grant: 'one', json: '{}' };
    const read = (value: unknown) => {
      const text = JSON.stringify({ code: 'GrantRequired', detail: 'No.', nearBody: value });
      return (failureOf(403, text) as ProblemError).nearBody;
    };
    expect(read(nearBody)).toEqual(nearBody);
    for (const odd of [1, null, [], { grant: 'one' }]) expect(read(odd)).toBeUndefined();
  });

  it.each([
    '',
    'no healthy upstream',
    'null',
    '{}',
    '{"code":"Whatever","detail":"No."}',
    '{"code":"GrantRequired"}',
  ])('that is %j leaves it open what became of the message', (text) => {
    const failure = failureOf(502, text);
    expect(failure).toBeInstanceOf(NoAnswerError);
    expect(failure).toMatchObject({ sent: true });
  });
});

it.each([
  ['no JSON', () => parseAnswer('welcome')],
  ['no answer to a use', () => readUseAnswer({})],
])('%s is no answer, though the message was sent', (_, read) => {
  expect(read).toThrow(expect.objectContaining({ name: 'NoAnswerError', sent: true }));
});
