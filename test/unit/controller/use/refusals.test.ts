import { describe, expect, it } from 'vitest';
import type { Mismatch } from '../../../../controller/use/match.ts';
import { grantRequired } from '../../../../controller/use/refusals.ts';
import type { Phase } from '../../../../core/api/phase.ts';
import { toProblemDocument } from '../../../../core/api/problem.ts';
import { aGrant, aStatus } from '../../../support/builders.ts';

const inPhase = (name: string, phase: Phase) =>
  aGrant({ metadata: { name }, status: aStatus(phase) });
const said = (mismatches: Mismatch[], others: ReturnType<typeof aGrant>[]) =>
  grantRequired(mismatches, others).detail;

describe('a call that no grant covers is told', () => {
  it('no more than that, if there is no grant for the action', () => {
    expect(said([], [])).toBe(
      'No approved, unused grant of this agent covers exactly this action.',
    );
  });

  it.each<[Phase, string]>([
    ['Pending', 'waits for a decision'],
    ['InUse', 'is in use by another call'],
    ['Finished', 'was used'],
    ['Denied', 'was denied'],
    ['Expired', 'has expired'],
    ['Revoked', 'was revoked'],
  ])('of a grant that is %s that it %s', (phase, standing) => {
    expect(said([], [inPhase('one', phase)])).toContain(`(one ${standing})`);
  });

  it('of a grant without status that it waits', () => {
    expect(said([], [aGrant({ metadata: { name: 'new' } })])).toContain('new waits for a decision');
  });

  it('each reason once, and of three grants at most', () => {
    const others = ['a', 'b', 'c', 'd'].map((name) => inPhase(name, 'Finished'));
    expect(said(['has expired', 'is for another action', 'has expired'], others)).toContain(
      '(an approved one has expired; an approved one is for another action; a was used; b was used; c was used)',
    );
  });

  it('of a usable grant that differs in one field, which; what its body is, the sidecar alone is told', () => {
    const near = { grant: aGrant({ metadata: { name: 'one' } }), field: 'body', json: '{"a":1}' };
    const problem = grantRequired([], [], [near]);
    expect(problem.detail).toContain('(one is approved and differs only in body)');
    expect(problem.nearBody).toEqual({ grant: 'one', json: '{"a":1}' });
    expect(JSON.stringify(toProblemDocument(problem))).not.toContain('nearBody');
  });
});
