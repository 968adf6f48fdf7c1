import { describe, expect, it } from 'vitest';
import type { Action } from '../../../core/action/action.ts';
import type { BodyForm } from '../../../core/action/body.ts';
import { type ProblemCode, ProblemError } from '../../../core/api/problem.ts';
import { createEarlierTries, type Ending } from '../../../sidecar/earlier-tries.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const GRANT = { namespace: 'soc', name: 'ask-model-1', uid: 'u' };
const anAction = (changes: Partial<Action> = {}) =>
  ({
    type: 'HTTP',
    method: 'POST',
    url: 'https://api.example.com/v1/chat',
    headers: {},
    body: { kind: 'bytes', sha256: 'a'.repeat(64), jsonSha256: 'b'.repeat(64) },
    ...changes,
  }) as Action;
const withBody = (sha256: string, jsonSha256?: string) =>
  anAction({
    body: { kind: 'bytes', sha256, ...(jsonSha256 === undefined ? {} : { jsonSha256 }) },
  });
const refusal = new ProblemError('GrantRequired', 'No grant (ask-model-1 was used).');
const failure = (code: ProblemCode) => new ProblemError(code, `${code} it is.`);

function afterOne(ending: Ending | undefined, form: BodyForm = 'JSON') {
  const clock = new FakeClock();
  const tries = createEarlierTries(clock);
  const begun = tries.begin(anAction(), { grant: GRANT, bodyForm: form });
  if (ending !== undefined) begun.end(ending);
  return { clock, tries };
}

const AT = 'The try at 00:00:01 UTC';
const USED = 'its grant ask-model-1 is used up.';

describe('a second try is told', () => {
  it.each<[string, Ending | undefined, number, string]>([
    [
      'of a 503',
      { status: 503, dispatched: true },
      503,
      `${AT} was answered 503 by the service; ${USED}`,
    ],
    [
      'of a 500',
      { status: 500, dispatched: true },
      500,
      `${AT} was answered 500 by the service; ${USED}`,
    ],
    [
      'of a 529',
      { status: 529, dispatched: true },
      529,
      `${AT} was answered 529 by the service; ${USED}`,
    ],
    [
      'of a 429',
      { status: 429, dispatched: true },
      429,
      `${AT} was answered 429 by the service; ${USED}`,
    ],
    [
      'of a 408',
      { status: 408, dispatched: true },
      408,
      `${AT} was answered 408 by the service; ${USED}`,
    ],
    [
      'of a 409',
      { status: 409, dispatched: true },
      409,
      `${AT} was answered 409 by the service; ${USED}`,
    ],
    [
      'of a 404, without its status',
      { status: 404, dispatched: true },
      403,
      `${AT} was answered 404 by the service; ${USED}`,
    ],
    [
      'of a success',
      { status: 201, dispatched: true },
      403,
      `${AT} succeeded: it was answered 201 by the service; ${USED}`,
    ],
    [
      'of a success whose end its client did not wait for',
      { status: 200, dispatched: true, problem: failure('CallAborted') },
      403,
      `${AT} succeeded: it was answered 200 by the service; ${USED}`,
    ],
    [
      'of a stream that was cut',
      { status: 200, dispatched: true, problem: failure('DeadlineExceeded') },
      504,
      `${AT} was answered 200 by the service, and its answer was cut off (DeadlineExceeded: DeadlineExceeded it is); ${USED}`,
    ],
    [
      'of a connection that was reset',
      { dispatched: true, problem: failure('UpstreamProtocolError') },
      502,
      `${AT} was sent, and no answer came (UpstreamProtocolError: UpstreamProtocolError it is): whether the service carried it out is not known; ${USED}`,
    ],
    [
      'of a deadline',
      { dispatched: true, problem: failure('DeadlineExceeded') },
      504,
      `${AT} was sent, and no answer came (DeadlineExceeded: DeadlineExceeded it is): whether the service carried it out is not known; ${USED}`,
    ],
    [
      "of its client's own time-out",
      { dispatched: true, problem: failure('CallAborted') },
      504,
      `${AT} was sent, and no answer came (CallAborted: CallAborted it is): whether the service carried it out is not known; ${USED}`,
    ],
    [
      'of a service that was not reached',
      { dispatched: false, problem: failure('UpstreamUnreachable') },
      502,
      `${AT} never reached the service (UpstreamUnreachable: UpstreamUnreachable it is): its grant ask-model-1 is given back, three times at most.`,
    ],
    [
      'of a host that may not be called, without another status',
      { dispatched: false, problem: failure('UpstreamNameRefused') },
      403,
      `${AT} never reached the service (UpstreamNameRefused: UpstreamNameRefused it is): its grant ask-model-1 is given back, three times at most.`,
    ],
    [
      'that the first is under way',
      undefined,
      403,
      `${AT} is still under way with grant ask-model-1.`,
    ],
  ])('%s', (_, ending, status, text) => {
    const { tries } = afterOne(ending);
    const told = tries.explained(anAction(), refusal);
    expect(told).toMatchObject({ code: 'GrantRequired', status, retryable: false });
    expect(told.detail).toBe(`No grant (ask-model-1 was used). ${text}`);
  });
});

describe('the same call is', () => {
  const ended: Ending = { status: 503, dispatched: true };
  it.each<[string, BodyForm, Action, boolean]>([
    [
      'one with the same JSON in other bytes, to a JSON grant',
      'JSON',
      withBody('c'.repeat(64), 'b'.repeat(64)),
      true,
    ],
    ['not one with other JSON', 'JSON', withBody('a'.repeat(64), 'c'.repeat(64)), false],
    [
      'not one with the same JSON in other bytes, to a SHA256 grant',
      'SHA256',
      withBody('c'.repeat(64), 'b'.repeat(64)),
      false,
    ],
    ['one with any body, to an Any grant', 'Any', withBody('c'.repeat(64)), true],
    ['not one to another URL', 'Any', anAction({ url: 'https://api.example.com/v1/other' }), false],
  ])('%s', (_, form, action, same) => {
    const { tries } = afterOne(ended, form);
    expect(tries.explained(action, refusal).status).toBe(same ? 503 : 403);
  });
});

it('another refusal than for want of a grant is left as it is', () => {
  const { tries } = afterOne({ status: 503, dispatched: true });
  const other = failure('ControllerUnavailable');
  expect(tries.explained(anAction(), other)).toBe(other);
});

it('the latest try counts', () => {
  const { clock, tries } = afterOne({ status: 503, dispatched: true });
  clock.wallOffset += 5_000;
  tries
    .begin(anAction(), { grant: GRANT, bodyForm: 'JSON' })
    .end({ status: 200, dispatched: true });
  expect(tries.explained(anAction(), refusal).detail).toContain('00:00:06 UTC succeeded');
});

it('tries are forgotten after ten minutes, and the oldest of 257', async () => {
  const { clock, tries } = afterOne({ status: 503, dispatched: true });
  await clock.advance(600_000);
  expect(tries.explained(anAction(), refusal).status).toBe(503);
  await clock.advance(1);
  expect(tries.explained(anAction(), refusal)).toBe(refusal);

  const many = afterOne({ status: 503, dispatched: true }).tries;
  for (let i = 0; i < 256; i += 1) {
    const action = anAction({ url: `https://api.example.com/${i}` });
    many.begin(action, { grant: GRANT, bodyForm: 'JSON' });
  }
  expect(many.explained(anAction(), refusal)).toBe(refusal);
});
