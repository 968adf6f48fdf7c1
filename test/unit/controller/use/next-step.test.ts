import { describe, expect, it } from 'vitest';
import {
  type Candidate,
  type FailedAttempt,
  MAX_CONFLICTS,
  MAX_REFUSED,
  MIN_STEP_MILLISECONDS,
  NOTHING_TRIED,
  nextStep,
  type Progress,
  type View,
  withAttempt,
} from '../../../../controller/use/next-step.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { aGrant, anApprovedStatus } from '../../../support/builders.ts';

const LONG = 10_000;

const candidate = (name: string): Candidate => ({
  grant: aGrant({ metadata: { name, uid: `uid-of-${name}` }, status: anApprovedStatus() }),
  form: 'JSON',
});
const FIRST = candidate('first');
const SECOND = candidate('second');
const THIRD = candidate('third');

const refusal = (detail: string) => new ProblemError('CredentialRefused', detail);
const tried = (overrides: Partial<Progress> = {}): Progress => ({ ...NOTHING_TRIED, ...overrides });
const refused = (...candidates: Candidate[]) =>
  new Map(
    candidates.map(({ grant: { metadata } }) => [metadata.uid, refusal(`not ${metadata.name}`)]),
  );

const view = (overrides: Partial<View> = {}): View => ({
  nonceIsUsed: false,
  matching: [FIRST, SECOND],
  mismatches: [],
  isBeingTried: () => false,
  others: () => [],
  nearest: () => [],
  ...overrides,
});
const busy =
  (...candidates: Candidate[]): View['isBeingTried'] =>
  (grant) =>
    candidates.some((each) => each.grant === grant);
const NONE = { matching: [] };

/** A step in few words: what the tables compare. */
function inWords(progress: Progress, seen: View, left = LONG): string {
  const step = nextStep(progress, () => seen, left);
  switch (step.type) {
    case 'Try':
      return `try ${step.candidate.grant.metadata.name}`;
    case 'WaitFor':
    case 'LookAgain':
      return `${step.type} ${step.grant.metadata.name}`;
    case 'Refuse':
      return `${step.problem.code}: ${step.problem.detail}`;
    default:
      return step.type;
  }
}

describe('a call', () => {
  it.each<[string, Progress, View, string]>([
    ['tries the best grant', tried(), view(), 'try first'],
    [
      'passes over a grant that another call tries',
      tried(),
      view({ isBeingTried: busy(FIRST) }),
      'try second',
    ],
    [
      'waits for the best grant where others try them all',
      tried(),
      view({ isBeingTried: busy(FIRST, SECOND) }),
      'WaitFor first',
    ],
    [
      'passes over a grant whose credential was refused',
      tried({ refused: refused(FIRST) }),
      view(),
      'try second',
    ],
    [
      'does not wait for a grant whose credential was refused',
      tried({ refused: refused(FIRST) }),
      view({ isBeingTried: busy(FIRST, SECOND) }),
      'WaitFor second',
    ],
    ['checks the cache if it has no grant', tried(), view(NONE), 'Freshen'],
    [
      'checks the cache if every grant it has was refused a credential',
      tried({ refused: refused(FIRST, SECOND) }),
      view(),
      'Freshen',
    ],
    [
      'tries what the check has brought',
      tried({ fresh: true, refused: refused(FIRST, SECOND) }),
      view({ matching: [FIRST, SECOND, THIRD] }),
      'try third',
    ],
    [
      'reads a grant again that somebody else was first at',
      tried({ conflicts: 1, lost: FIRST.grant }),
      view(),
      'LookAgain first',
    ],
    [
      'tries on after a conflict, once the grant was read',
      tried({ conflicts: MAX_CONFLICTS - 1 }),
      view(),
      'try first',
    ],
  ])('%s', (_, progress, seen, expected) => {
    expect(inWords(progress, seen)).toBe(expected);
  });

  it.each<[string, Progress, View, string]>([
    ['whose nonce was used before', tried(), view({ nonceIsUsed: true }), 'AlreadyUsed: '],
    [
      'whose nonce was used while it waited',
      tried({ conflicts: 1, fresh: true }),
      view({ nonceIsUsed: true }),
      'AlreadyUsed: ',
    ],
    [
      'that no grant covers, after one check of the cache',
      tried({ fresh: true }),
      view(NONE),
      'GrantRequired: No approved, unused grant of this agent covers exactly this action.',
    ],
    [
      'with the reasons of the grants that nearly do',
      tried({ fresh: true }),
      view({ ...NONE, mismatches: ['has expired', 'has expired'] }),
      'GrantRequired: No approved, unused grant of this agent covers exactly this action (an approved one has expired).',
    ],
    [
      'with the first reason, if no credential could be had',
      tried({ fresh: true, refused: refused(FIRST, SECOND) }),
      view(),
      'CredentialRefused: not first',
    ],
    [
      'with the last reason, once so many credentials were refused, though there are more grants',
      tried({ refused: refused(FIRST, SECOND, THIRD) }),
      view({ matching: [candidate('fourth')] }),
      'CredentialRefused: not third',
    ],
    [
      'once it lost so many conflicts, without another look',
      tried({ conflicts: MAX_CONFLICTS, lost: FIRST.grant }),
      view(),
      `UseRaced: The grant changed ${MAX_CONFLICTS} times; try again.`,
    ],
    [
      'after an ambiguous write, whatever other grants there are',
      tried({ ambiguous: true }),
      view(),
      'OutcomeAmbiguous: ',
    ],
  ])('is refused %s', (_, progress, seen, expected) => {
    expect(inWords(progress, seen)).toContain(expected);
  });

  it('asks for no view of the cache after an ambiguous write', () => {
    const look = () => {
      throw new Error('nothing is left to try');
    };
    expect(nextStep(tried({ ambiguous: true }), look, LONG).type).toBe('Refuse');
  });
});

describe('the time that the caller waits', () => {
  const TOO_LITTLE = MIN_STEP_MILLISECONDS - 1;
  const OVER = 'UseRaced: The time that the sidecar would wait is over; nothing was consumed.';

  it.each<[string, Progress, View]>([
    ['try', tried(), view()],
    ['wait', tried(), view({ isBeingTried: () => true })],
    ['check', tried(), view(NONE)],
    ['look', tried({ conflicts: 1, lost: FIRST.grant }), view()],
  ])('ends the call where too little is left to %s', (_, progress, seen) => {
    expect(inWords(progress, seen, TOO_LITTLE)).toBe(OVER);
    expect(inWords(progress, seen, 0)).toBe(OVER);
    expect(inWords(progress, seen, MIN_STEP_MILLISECONDS)).not.toBe(OVER);
  });

  it.each<[string, Progress, View]>([
    ['AlreadyUsed', tried(), view({ nonceIsUsed: true })],
    ['GrantRequired', tried({ fresh: true }), view(NONE)],
    ['OutcomeAmbiguous', tried({ ambiguous: true }), view()],
  ])('does not hide that the call is refused as %s', (code, progress, seen) => {
    expect(inWords(progress, seen, 0)).toMatch(new RegExp(`^${code}`));
  });
});

describe('after an attempt that handed nothing over', () => {
  it.each<[string, FailedAttempt, Partial<Progress>]>([
    ['a conflict is counted', { type: 'Conflict' }, { conflicts: 1, lost: FIRST.grant }],
    ['an ambiguous write is remembered', { type: 'Ambiguous' }, { ambiguous: true }],
    [
      'the refusal of a credential is kept with its grant',
      { type: 'CredentialRefused', problem: refusal('not first') },
      { refused: refused(FIRST) },
    ],
  ])('%s', (_, attempt, expected) => {
    expect(withAttempt(NOTHING_TRIED, FIRST.grant, attempt)).toEqual(tried(expected));
  });

  it('nothing that was tried before is forgotten', () => {
    const failed: FailedAttempt[] = [
      { type: 'CredentialRefused', problem: refusal('not first') },
      { type: 'Conflict' },
      { type: 'Conflict' },
    ];
    const progress = failed.reduce(
      (before, attempt) => withAttempt(before, FIRST.grant, attempt),
      tried({ fresh: true }),
    );
    expect(progress).toMatchObject({ conflicts: 2, fresh: true });
    expect(progress.refused.size).toBe(1);
  });

  it(`a call that is refused ${MAX_REFUSED} credentials ends, and takes no fourth grant`, () => {
    const candidates = [FIRST, SECOND, THIRD];
    const progress = candidates.reduce(
      (before, { grant }) =>
        withAttempt(before, grant, { type: 'CredentialRefused', problem: refusal('none') }),
      NOTHING_TRIED,
    );
    expect(candidates).toHaveLength(MAX_REFUSED);
    expect(inWords(progress, view({ matching: [candidate('fourth')] }))).toBe(
      'CredentialRefused: none',
    );
  });
});
