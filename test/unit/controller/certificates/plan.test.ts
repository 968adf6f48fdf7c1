import { describe, expect, test } from 'vitest';
import type { KeyPair } from '../../../../controller/certificates/authority.ts';
import {
  type Authorities,
  afterStep,
  bundleOf,
  decideAuthorityStep,
  servingIsDue,
} from '../../../../controller/certificates/plan.ts';
import { Secret } from '../../../../core/text/secret.ts';

const DAY = 86_400_000;

/** A certificate valid from one day to another; days count from the first authority's beginning. */
function certificate(pem: string, from: number, to: number): KeyPair {
  return { pem, notBefore: from * DAY, notAfter: to * DAY, key: new Secret(pem) };
}

const a = certificate('A', 0, 365);
const b = certificate('B', 245, 610);

describe('the authority step', () => {
  test.for<[what: string, current: Authorities | null, day: number, step: string]>([
    ['there is none yet', null, 0, 'Create'],
    ['it is new', { active: a }, 0, 'Keep'],
    ['it has 121 days left', { active: a }, 244, 'Keep'],
    ['it has 120 days left', { active: a }, 245, 'AddSuccessor'],
    ['its successor is not trusted for 60 days yet', { active: a, next: b }, 304, 'Keep'],
    ['its successor is trusted for 60 days', { active: a, next: b }, 305, 'Promote'],
    ['its predecessor has not ended', { active: b, previous: a }, 364, 'Keep'],
    ['its predecessor has ended', { active: b, previous: a }, 365, 'DropPrevious'],
    ['it ended while every replica was down', { active: a }, 400, 'Replace'],
    ['it has less than an hour left', { active: a }, 364.98, 'Replace'],
    [
      'it ends and its young successor is there',
      { active: a, next: certificate('B', 364, 729) },
      365,
      'Promote',
    ],
    ['it and its successor ended', { active: a, next: b }, 611, 'Replace'],
  ])('when %s', ([, current, day, step]) => {
    expect(decideAuthorityStep(current, day * DAY)).toBe(step);
  });

  test.for<[step: Parameters<typeof afterStep>[0], before: Authorities | null, after: Authorities]>(
    [
      ['Create', null, { active: b }],
      ['Replace', { active: a }, { active: b, previous: a }],
      ['AddSuccessor', { active: a }, { active: a, next: b }],
      ['Promote', { active: a, next: b }, { active: b, previous: a }],
      ['DropPrevious', { active: b, previous: a }, { active: b }],
      ['Keep', { active: a }, { active: a }],
    ],
  )('%s leaves the right authorities', async ([step, before, after]) => {
    expect(await afterStep(step, before, async () => b)).toEqual(after);
  });

  test('comes to rest after each step, from the first day to the last', async () => {
    let current: Authorities | null = null;
    const steps: string[] = [];
    for (let day = 0; day <= 800; day++) {
      const step = decideAuthorityStep(current, day * DAY);
      if (step === 'Keep') continue;
      steps.push(`${step} ${day}`);
      const issued = certificate(`${day}`, day, day + 365);
      current = await afterStep(step, current, async () => issued);
      expect(decideAuthorityStep(current, day * DAY)).toBe('Keep');
    }
    expect(steps).toEqual([
      'Create 0',
      'AddSuccessor 245',
      'Promote 305',
      'DropPrevious 365',
      'AddSuccessor 490',
      'Promote 550',
      'DropPrevious 610',
      'AddSuccessor 735',
      'Promote 795',
    ]);
  });
});

describe('a serving certificate', () => {
  const serving = { certificate: certificate('S', 0, 1), authority: a };
  test.for<[due: boolean, what: string, Parameters<typeof servingIsDue>]>([
    [true, 'there is none', [null, a, 0]],
    [false, 'it is fresh', [serving, a, 0]],
    [false, 'less than two thirds of its life are over', [serving, a, 0.66 * DAY]],
    [true, 'two thirds of its life are over', [serving, a, 0.67 * DAY]],
    [true, 'another authority signs now', [serving, b, 0]],
  ])('is due: %s, when %s', ([due, , inputs]) => {
    expect(servingIsDue(...inputs)).toBe(due);
  });
});

test('the bundle has every trusted authority, the one that signs first', () => {
  expect(bundleOf({ active: a, next: b, previous: certificate('P', -300, 60) })).toBe('ABP');
});
