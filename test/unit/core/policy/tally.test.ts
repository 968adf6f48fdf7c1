import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CountedDecision, TURNS, tally } from '../../../../core/policy/tally.ts';
import type { Question } from '../../../../core/policy/verdict.ts';

/** What is written short: `ann+ab` approves for policies a and b, `bob-` denies; `!` breaks the glass, `?` may not lend. */
function decisions(...texts: string[]): CountedDecision[] {
  return texts.map((text, index) => {
    const [, username = '', sign, rest = ''] = /^([^+-]*)([+-])(.*)$/.exec(text) ?? [];
    return {
      uid: `${index}`,
      decision: sign === '+' ? 'Approve' : 'Deny',
      username,
      mayDelegate: !rest.includes('?'),
      mayApprove: new Set(rest.replace(/[!?]/g, '')),
      ...(rest.includes('!') && { breakGlass: true }),
    };
  });
}

const asks = (policy: string, approvals: number, bot?: string): Question => ({
  policy,
  rule: 'r',
  approvals,
  ...(bot !== undefined && { bot }),
});
const CI = 'system:serviceaccount:ci:checks';

describe('decisions are counted', () => {
  it.each<[string, Question[], string[], string, string, object?]>([
    ['nobody yet', [asks('a', 1)], [], 'Waiting', '0/1'],
    ['one of one', [asks('a', 1)], ['ann+a'], 'Approved', '1/1'],
    ['one of two', [asks('a', 2)], ['ann+a'], 'Waiting', '1/2'],
    ['two of two', [asks('a', 2)], ['ann+a', 'bob+a'], 'Approved', '2/2'],
    ['more than enough', [asks('a', 1)], ['ann+a', 'bob+a'], 'Approved', '1/1'],
    [
      'twice the same person',
      [asks('a', 2)],
      ['ann+a', 'ann+a'],
      'Waiting',
      '1/2',
      { 1: 'AlreadyDecided' },
    ],
    ['a Deny after enough', [asks('a', 1)], ['ann+a', 'bob-'], 'Denied', '1/1'],
    ['a Deny before enough', [asks('a', 1)], ['bob-', 'ann+a'], 'Denied', '1/1'],
    ['a change of mind', [asks('a', 1)], ['ann+a', 'ann-'], 'Denied', '1/1'],
    ["a machine's Deny", [asks('a', 1)], ['ann+a', `${CI}-`], 'Denied', '1/1'],
    ['a ServiceAccount', [asks('a', 1)], [`${CI}+a`], 'Waiting', '0/1', { 0: 'NotAPerson' }],
    [
      'the control plane',
      [asks('a', 1)],
      ['system:admin+a'],
      'Waiting',
      '0/1',
      { 0: 'NotAPerson' },
    ],
    ['nobody by name', [asks('a', 1)], ['+a'], 'Waiting', '0/1', { 0: 'NotAPerson' }],
    ['who may not lend', [asks('a', 1)], ['ann+a?'], 'Waiting', '0/1', { 0: 'NotAuthorized' }],
    ['who may not approve', [asks('a', 1)], ['ann+b'], 'Waiting', '0/1', { 0: 'NotAuthorized' }],
    ['two policies, one person', [asks('a', 1), asks('b', 1)], ['ann+ab'], 'Approved', '1/1'],
    ['two policies, one missing', [asks('a', 1), asks('b', 1)], ['ann+a'], 'Waiting', '0/1'],
    ['two policies, one each', [asks('a', 1), asks('b', 1)], ['ann+a', 'bob+b'], 'Approved', '1/1'],
    ['the stricter one', [asks('a', 1), asks('b', 3)], ['ann+ab', 'bob+b'], 'Waiting', '2/3'],
    [
      'a person asked again for a new policy',
      [asks('a', 1), asks('b', 1)],
      ['ann+a', 'ann+ab'],
      'Approved',
      '1/1',
    ],
    ['a bot alone', [asks('a', 2, CI)], [`${CI}+a`], 'Waiting', '1/2'],
    ['a bot and a person', [asks('a', 2, CI)], [`${CI}+a`, 'ann+a'], 'Approved', '2/2'],
    ['two people without the bot', [asks('a', 2, CI)], ['ann+a', 'bob+a'], 'Approved', '2/2'],
    ['a bot for one person of one', [asks('a', 1, CI)], [`${CI}+a`], 'Waiting', '0/1'],
    [
      "another policy's bot",
      [asks('a', 2), asks('b', 2, CI)],
      ['ann+ab', `${CI}+ab`],
      'Waiting',
      '1/2',
    ],
    ['a grant that no policy asks about', [], ['ann+'], 'Approved', '1/1'],
    ['the same by a ServiceAccount', [], [`${CI}+`], 'Waiting', '0/1', { 0: 'NotAPerson' }],
    ['the same by who may not lend', [], ['ann+?'], 'Waiting', '0/1', { 0: 'NotAuthorized' }],
    ['in an emergency', [asks('a', 5), asks('b', 2)], ['ann+!'], 'Approved', '0/5'],
    ['an emergency and a Deny', [asks('a', 1)], ['ann+!', 'bob-'], 'Denied', '0/1'],
    [
      'an emergency of a machine',
      [asks('a', 1)],
      [`${CI}+a!`],
      'Waiting',
      '0/1',
      { 0: 'NotAPerson' },
    ],
    [
      'an emergency of who may not lend',
      [asks('a', 1)],
      ['ann+!?'],
      'Waiting',
      '0/1',
      { 0: 'NotAuthorized' },
    ],
  ])('%s', (_name, questions, texts, state, progress, uncounted = {}) => {
    const result = tally(questions, decisions(...texts));
    expect(result.state).toBe(state);
    expect(`${result.given}/${result.needed}`).toBe(progress);
    expect(Object.fromEntries(result.uncounted)).toEqual(uncounted);
  });

  it('and those that count are named for the record', () => {
    const some = decisions('ann+a', 'ann+a', `${CI}+a`, 'bob-');
    expect(tally([asks('a', 2)], some).counted).toEqual(['0', '3']);
    const more = decisions('ann+a', 'ann+ab');
    expect(tally([asks('a', 1), asks('b', 1)], more).counted).toEqual(['1']);
    expect(tally([asks('a', 1)], decisions('ann+!')).brokeGlass).toBe('0');
  });
});

describe('whoever decides and in whatever order', () => {
  const decision = fc
    .record({
      username: fc.constantFrom('ann', 'bob', 'cid', CI, 'system:admin'),
      sign: fc.constantFrom('+', '+', '+', '-'),
      policies: fc.constantFrom('', 'a', 'b', 'ab'),
      mark: fc.constantFrom('', '', '?'),
    })
    .map(({ username, sign, policies, mark }) => `${username}${sign}${policies}${mark}`);
  const questions = fc.uniqueArray(
    fc.record({ policy: fc.constantFrom('a', 'b'), approvals: fc.integer({ min: 1, max: 3 }) }),
    { selector: ({ policy }) => policy, minLength: 1 },
  );

  it('Approved means so many distinct people for each policy, and no Deny', () => {
    fc.assert(
      fc.property(questions, fc.array(decision, { maxLength: 8 }), (asked, texts) => {
        const all = decisions(...texts);
        const people = (policy: string) =>
          new Set(
            all
              .filter(
                ({ username, mayApprove, mayDelegate, decision: kind }) =>
                  kind === 'Approve' &&
                  mayDelegate &&
                  mayApprove.has(policy) &&
                  !username.startsWith('system:'),
              )
              .map(({ username }) => username),
          ).size;
        const denied = all.some(({ decision: kind }) => kind === 'Deny');
        const enough = asked.every(({ policy, approvals }) => people(policy) >= approvals);
        const expected = denied ? 'Denied' : enough ? 'Approved' : 'Waiting';
        const full = asked.map((question) => ({ ...question, rule: 'r' }));
        expect(tally(full, all).state).toBe(expected);
        expect(tally(full, all.toReversed()).state).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

it('a count moves a grant by one table', () => {
  expect(TURNS.Pending.Approved).toBe('Approve');
  expect(TURNS.Pending.Denied).toBe('Deny');
  expect(TURNS.Approved.Denied).toBe('Revoke');
  expect(TURNS.Approved.Waiting).toBe('BackToPending');
});
