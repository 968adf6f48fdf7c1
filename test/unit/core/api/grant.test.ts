import { describe, expect, it } from 'vitest';
import type { Phase } from '../../../../core/api/generated/actiongrant.ts';
import { agentNamespace, attemptsUsed, currentUse } from '../../../../core/api/grant.ts';
import { aGrant, anEndedUse, anInUseStatus, aStatus, aUse } from '../../../support/builders.ts';

describe('of a grant', () => {
  it('the agent lives in its namespace, unless it says otherwise', () => {
    const agent = { serviceAccountName: 'a' };
    expect(agentNamespace(aGrant())).toBe('soc');
    expect(agentNamespace(aGrant({ spec: { agent: { ...agent, namespace: 'agents' } } }))).toBe(
      'agents',
    );
  });

  it('the attempts used are the uses that sent nothing', () => {
    const uses = [
      anEndedUse('NotDispatched', { id: 'a' }),
      anEndedUse('Unknown', { id: 'b' }),
      anEndedUse('NotDispatched', { id: 'c' }),
      aUse(),
    ];
    expect(attemptsUsed(aGrant())).toBe(0);
    expect(attemptsUsed(aGrant({ status: anInUseStatus({ uses }) }))).toBe(2);
  });

  it('the current use is the one that has not ended, and only while the grant is in use', () => {
    const open = aUse();
    const uses = [anEndedUse('NotDispatched', { id: 'a' }), open];
    expect(currentUse(aGrant({ status: anInUseStatus({ uses }) }))).toEqual(open);
    expect(currentUse(aGrant())).toBeUndefined();
    for (const phase of ['Approved', 'Finished', 'Revoked'] satisfies Phase[]) {
      expect(currentUse(aGrant({ status: { ...aStatus(phase), uses } }))).toBeUndefined();
    }
  });
});
