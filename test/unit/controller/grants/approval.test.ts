import { describe, expect, it } from 'vitest';
import { approvalOf, type GrantDecision, tally } from '../../../../controller/grants/approval.ts';
import { aGrant } from '../../../support/builders.ts';

const yes = (by: string): GrantDecision => ({
  reason: `ApprovedBy${by}`,
  message: `${by} approved.`,
});

describe('the tally of decisions', () => {
  it.each<[string, GrantDecision[], string, string]>([
    ['nobody has decided', [], 'Waiting', 'AwaitingDecision'],
    ['one approves', [yes('Ann')], 'Approved', 'ApprovedByAnn'],
    [
      'several approve: the first one counts',
      [yes('Ann'), yes('Bob')],
      'Approved',
      'ApprovedByAnn',
    ],
  ])('where %s', (_, decisions, type, reason) => {
    expect(tally(decisions)).toMatchObject({ type, reason });
  });

  it('says in the words of the decision that counts why', () => {
    expect(tally([yes('Ann')]).message).toBe('Ann approved.');
    expect(tally([]).message).toBe('No decision has been made yet.');
  });
});

describe('a grant', () => {
  it('that its requester approves by creating it is approved by that alone', () => {
    expect(approvalOf(aGrant({ spec: { approvedByRequester: true } }))).toEqual({
      type: 'Approved',
      reason: 'ApprovedByRequester',
      message: 'The requester approved the grant by creating it.',
    });
  });

  it('that its requester leaves to others waits', () => {
    expect(approvalOf(aGrant()).type).toBe('Waiting');
  });
});
