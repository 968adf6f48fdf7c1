import { describe, expect, it } from 'vitest';
import {
  approved,
  credentialCollected,
  expired,
  finished,
  givenBack,
  inUse,
  pending,
  revocationConfirmed,
} from '../../../../controller/grants/transitions.ts';
import type {
  ActionGrant,
  ActionGrantStatus,
  GrantCondition,
  GrantConditionType,
  Phase,
} from '../../../../core/api/generated/actiongrant.ts';
import { PHASE_MOVES } from '../../../../core/api/phase.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import {
  aBoundCredential,
  aFinishedStatus,
  aGivenBackStatus,
  aGrant,
  anApprovedStatus,
  anEndedUse,
  anInUseStatus,
  aPendingStatus,
  aStatus,
  aUse,
  aUseCredential,
  NOON,
  noonPlus,
} from '../../../support/builders.ts';

const NOW = Date.parse(NOON) + 60_000;
/** `NOW`, as statuses hold it. */
const WRITTEN = '2026-01-02T12:01:00.000Z';
const DESCRIPTION = { summary: 'POST edr.example.com/', actionDigest: '8'.repeat(64) };
const NOT_APPROVED = { reason: 'NotApproved', message: 'The grant waits for a decision.' };
const BY_REQUESTER = { reason: 'ApprovedByRequester', message: 'The requester approved it.' };
const WITH_SECRET = {
  description: DESCRIPTION,
  approval: BY_REQUESTER,
  credential: aBoundCredential(),
};
const NEXT_USE = { id: 'next', podName: 'incident-agent-0', podUID: 'p1' };
const PHASES = Object.keys(PHASE_MOVES) as (Phase | '')[];

const grantIn = (status?: ActionGrantStatus): ActionGrant =>
  aGrant({ metadata: { generation: 3 }, ...(status && { status }) });

const condition = (status: ActionGrantStatus, type: GrantConditionType) =>
  status.conditions?.find((c) => c.type === type);

const aCondition = (
  type: GrantConditionType,
  status: GrantCondition['status'],
  overrides: Partial<GrantCondition> = {},
): GrantCondition => ({
  type,
  status,
  reason: 'Before',
  message: 'Before.',
  lastTransitionTime: NOON,
  ...overrides,
});

describe('a status is only built for a move of the table', () => {
  const builders: [string, Phase, (grant: ActionGrant) => ActionGrantStatus][] = [
    ['pending', 'Pending', (g) => pending(g, DESCRIPTION, NOT_APPROVED, NOW)],
    ['approved', 'Approved', (g) => approved(g, WITH_SECRET, NOW)],
    ['inUse', 'InUse', (g) => inUse(g, NEXT_USE, NOW)],
    ['finished', 'Finished', (g) => finished(g, { outcome: 'Failed' }, NOW)],
    ['revoked', 'Revoked', (g) => finished(g, { outcome: 'Unknown' }, NOW, 'Revoked')],
    ['expired', 'Expired', (g) => expired(g, NOW)],
  ];

  for (const [name, to, build] of builders) {
    for (const from of PHASES) {
      const grant = grantIn(from === '' ? undefined : aStatus(from));
      const stays = from === 'Pending' && to === 'Pending';
      if (PHASE_MOVES[from].includes(to) || stays) {
        it(`${name} from ${from || 'new'} is ${to}`, () => {
          expect(build(grant).phase).toBe(to);
        });
      } else {
        it(`${name} from ${from || 'new'} is refused`, () => {
          expect(() => build(grant)).toThrow(
            new ProblemError('Internal', `A grant cannot move from ${from || 'new'} to ${to}.`),
          );
        });
      }
    }
  }

  it('giving back is possible from InUse alone', () => {
    const giveBack = (g: ActionGrant) =>
      givenBack(g, { outcome: 'NotDispatched' }, aBoundCredential(), NOW);
    expect(giveBack(grantIn(anInUseStatus())).phase).toBe('Approved');
    for (const phase of PHASES) {
      if (phase === '' || phase === 'Pending' || phase === 'InUse') continue;
      expect(() => giveBack(grantIn(aStatus(phase)))).toThrow(ProblemError);
    }
  });
});

describe('every status', () => {
  it('keeps what other steps wrote, and changes nothing of the grant it was given', () => {
    const grant = grantIn(
      anInUseStatus({
        decisions: [],
        uses: [anEndedUse('NotDispatched', { id: 'first' }), aUse()],
      }),
    );
    const before = structuredClone(grant);
    const status = finished(grant, { outcome: 'Succeeded' }, NOW);
    expect(grant).toEqual(before);
    expect(status).toMatchObject({
      summary: 'POST edr.example.com/v1/hosts/host-7/quarantine',
      approvalTime: noonPlus(5),
      expirationTime: noonPlus(905),
      decisions: [],
    });
    expect(status.uses?.[0]).toEqual(grant.status?.uses?.[0]);
  });
});

describe('a grant that waits', () => {
  it('says what it is for, and that nobody decided', () => {
    const status = pending(grantIn(), DESCRIPTION, NOT_APPROVED, NOW);
    expect(status).toMatchObject({ phase: 'Pending', ...DESCRIPTION });
    expect(condition(status, 'Approved')).toMatchObject({
      status: 'Unknown',
      reason: 'AwaitingDecision',
    });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', ...NOT_APPROVED });
    expect(condition(status, 'Finished')).toMatchObject({ status: 'False' });
  });
});

describe('a grant that is made usable', () => {
  it('names its Secret, and from when until when', () => {
    const status = approved(grantIn(), WITH_SECRET, NOW);
    expect(status).toMatchObject({
      phase: 'Approved',
      ...DESCRIPTION,
      credential: aBoundCredential(),
      approvalTime: WRITTEN,
      expirationTime: '2026-01-02T12:16:00.000Z',
    });
    expect(condition(status, 'Approved')).toMatchObject({ status: 'True', ...BY_REQUESTER });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Usable' });
  });

  it('without credential names none, not even one that was there before', () => {
    const grant = grantIn(aPendingStatus({ credential: aBoundCredential() }));
    expect(approved(grant, { ...WITH_SECRET, credential: undefined }, NOW)).not.toHaveProperty(
      'credential',
    );
  });
});

describe('a use', () => {
  const withToken = { ...NEXT_USE, credential: aUseCredential() };

  it('is added to those before, with its start and its deadline', () => {
    const before = aGivenBackStatus();
    const status = inUse(grantIn(before), withToken, NOW);
    expect(status.uses).toEqual([
      ...(before.uses ?? []),
      { ...withToken, startTime: WRITTEN, deadlineTime: '2026-01-02T12:01:30.000Z' },
    ]);
    expect(status.credential).toEqual(before.credential);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'InUse' });
  });

  it('with a credential says that it is live', () => {
    const status = inUse(grantIn(anApprovedStatus()), withToken, NOW);
    expect(condition(status, 'CredentialRevoked')).toMatchObject({
      status: 'False',
      reason: 'Live',
    });
  });

  it('without credential says nothing of one', () => {
    const status = inUse(grantIn(anApprovedStatus()), NEXT_USE, NOW);
    expect(condition(status, 'CredentialRevoked')).toBeUndefined();
  });
});

describe('the end of a use', () => {
  const uses = [anEndedUse('NotDispatched', { id: 'first' }), aUse()];
  const grant = grantIn(anInUseStatus({ uses }));
  const deletedTime = NOW - 5;

  it('is written to the use that has not ended, and to no other', () => {
    const ending = { outcome: 'Succeeded', responseCode: 204, deletedTime } as const;
    const status = finished(grant, ending, NOW);
    expect(status.uses).toEqual([
      uses[0],
      {
        ...uses[1],
        endTime: WRITTEN,
        outcome: 'Succeeded',
        responseCode: 204,
        credential: { ...aUseCredential(), deletedTime: '2026-01-02T12:00:59.995Z' },
      },
    ]);
    expect(status).toMatchObject({ outcome: 'Succeeded', finishTime: WRITTEN });
    expect(status).not.toHaveProperty('credential');
  });

  it('claims a deletion only where there was one', () => {
    const status = finished(grant, { outcome: 'Failed' }, NOW);
    expect(status.uses?.[1]?.credential).not.toHaveProperty('deletedTime');
    expect(condition(status, 'CredentialRevoked')).toBeUndefined();
  });

  it('waits for the confirmation of the revocation', () => {
    const status = finished(grant, { outcome: 'Failed', deletedTime }, NOW);
    expect(condition(status, 'CredentialRevoked')).toMatchObject({
      status: 'Unknown',
      reason: 'AwaitingConfirmation',
    });
  });

  it.each([
    ['Succeeded', 'Succeeded'],
    ['Failed', 'Failed'],
    ['NotDispatched', 'Failed'],
    ['Unknown', 'OutcomeUnknown'],
  ] as const)('with outcome %s is a finish with reason %s', (outcome, reason) => {
    const status = finished(grant, { outcome }, NOW);
    expect(condition(status, 'Finished')).toMatchObject({ status: 'True', reason });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'Finished' });
  });

  it('whose answer was cut says so, with the status that it had', () => {
    const status = finished(grant, { outcome: 'Unknown', responseCode: 200 }, NOW);
    expect(status.uses?.[1]).toMatchObject({ outcome: 'Unknown', responseCode: 200 });
    expect(condition(status, 'Finished')).toMatchObject({
      reason: 'OutcomeUnknown',
      message: expect.stringMatching(/answered with status 200.+cut.+spec\.timeoutSeconds/),
    });
  });

  it('in which nothing was sent makes the grant usable again, with another Secret', () => {
    const next = aBoundCredential({ secretUID: 'another' });
    const status = givenBack(grant, { outcome: 'NotDispatched', deletedTime }, next, NOW);
    expect(status).toMatchObject({ phase: 'Approved', credential: next });
    expect(status).not.toHaveProperty('outcome');
    expect(status).not.toHaveProperty('finishTime');
    // The time to use it goes on: giving back must not prolong it.
    expect(status.expirationTime).toBe(noonPlus(905));
    expect(status.uses?.[1]).toMatchObject({ outcome: 'NotDispatched', endTime: WRITTEN });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Usable' });
  });
});

describe('a grant whose time is over', () => {
  it('undecided says that nobody decided', () => {
    const status = expired(grantIn(aPendingStatus()), NOW);
    expect(status).toMatchObject({ phase: 'Expired', finishTime: WRITTEN });
    expect(condition(status, 'Approved')).toMatchObject({
      status: 'False',
      reason: 'DecisionDeadlineExceeded',
    });
    expect(condition(status, 'Finished')).toMatchObject({ status: 'True', reason: 'Expired' });
  });

  it('unused still names its Secret, which is deleted after', () => {
    const conditions = [aCondition('Approved', 'True')];
    const status = expired(grantIn(anApprovedStatus({ conditions })), NOW);
    expect(status.credential).toEqual(aBoundCredential());
    expect(condition(status, 'Approved')).toEqual(conditions[0]);
    expect(condition(status, 'Finished')?.message).toBe('The agent did not use the grant in time.');
  });

  it('says that its Secret is gone by not naming it any more', () => {
    const before = aStatus('Expired');
    const { credential: _, ...rest } = before;
    expect(credentialCollected(grantIn(before))).toEqual(rest);
    expect(() => credentialCollected(grantIn())).toThrow(ProblemError);
  });
});

describe('the confirmation of a revocation', () => {
  const ended = anEndedUse('Succeeded', {
    credential: aUseCredential({ deletedTime: noonPlus(11) }),
  });
  const grant = grantIn(
    aFinishedStatus('Succeeded', {
      uses: [ended],
      conditions: [aCondition('CredentialRevoked', 'Unknown')],
    }),
  );

  it('says when the API server refused the token', () => {
    const status = revocationConfirmed(grant, ended.id, NOW - 1_000, NOW);
    expect(status.phase).toBe('Finished');
    expect(status.uses?.[0]?.credential).toMatchObject({
      deletedTime: noonPlus(11),
      rejectedTime: '2026-01-02T12:00:59.000Z',
    });
    expect(condition(status, 'CredentialRevoked')).toMatchObject({
      status: 'True',
      reason: 'Confirmed',
      lastTransitionTime: WRITTEN,
    });
  });

  it('that nobody could make claims no refusal', () => {
    const status = revocationConfirmed(grant, ended.id, undefined, NOW);
    expect(status.uses).toEqual([ended]);
    expect(condition(status, 'CredentialRevoked')).toMatchObject({
      status: 'True',
      reason: 'Unconfirmed',
    });
  });

  it('of an earlier attempt says nothing of the credential that is live now', () => {
    const first = { ...ended, id: 'first' };
    const conditions = [aCondition('CredentialRevoked', 'False')];
    const using = grantIn(anInUseStatus({ uses: [first, aUse()], conditions }));
    const status = revocationConfirmed(using, 'first', NOW, NOW);
    expect(status.uses?.[0]?.credential?.rejectedTime).toBe(WRITTEN);
    expect(status.uses?.[1]).toEqual(aUse());
    expect(status.conditions).toEqual(conditions);
  });

  it('of a grant without status is a fault', () => {
    expect(() => revocationConfirmed(grantIn(), 'x', NOW, NOW)).toThrow(ProblemError);
  });
});

describe('a condition', () => {
  it('moves its transition time only with its status', () => {
    const grant = grantIn(
      anApprovedStatus({
        conditions: [
          aCondition('Ready', 'False', { reason: 'NotApproved' }),
          aCondition('Finished', 'False'),
          aCondition('Approved', 'True'),
        ],
      }),
    );
    const status = inUse(grant, NEXT_USE, NOW);
    expect(condition(status, 'Ready')).toEqual({
      type: 'Ready',
      status: 'False',
      reason: 'InUse',
      message: 'A call is using the grant.',
      lastTransitionTime: NOON,
      observedGeneration: 3,
    });
    const after = finished({ ...grant, status }, { outcome: 'Failed' }, NOW);
    expect(condition(after, 'Finished')?.lastTransitionTime).toBe(WRITTEN);
    expect(condition(after, 'Approved')?.lastTransitionTime).toBe(NOON);
  });

  it('is there once for every type', () => {
    let grant = grantIn();
    const next = (status: ActionGrantStatus) => {
      grant = { ...grant, status };
      const types = status.conditions?.map(({ type }) => type);
      expect(types).toEqual([...new Set(types)]);
    };
    next(pending(grant, DESCRIPTION, NOT_APPROVED, NOW));
    next(approved(grant, WITH_SECRET, NOW));
    for (let attempt = 0; attempt < 2; attempt++) {
      next(inUse(grant, { ...NEXT_USE, id: `u${attempt}`, credential: aUseCredential() }, NOW));
      next(
        givenBack(grant, { outcome: 'NotDispatched', deletedTime: NOW }, aBoundCredential(), NOW),
      );
    }
    next(inUse(grant, { ...NEXT_USE, credential: aUseCredential() }, NOW));
    next(finished(grant, { outcome: 'Unknown', deletedTime: NOW }, NOW));
    next(revocationConfirmed(grant, NEXT_USE.id, NOW, NOW));
    expect(grant.status?.uses).toHaveLength(3);
    expect(grant.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'Approved=True',
      'Ready=False',
      'Finished=True',
      'CredentialRevoked=True',
    ]);
  });
});
