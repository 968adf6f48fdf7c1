import { describe, expect, it } from 'vitest';
import { CONFIRMATION_LIMIT_MILLISECONDS } from '../../../../controller/credentials/confirm.ts';
import { approvalOf } from '../../../../controller/grants/approval.ts';
import {
  DEADLINE_SLACK_MILLISECONDS,
  type Facts,
  planStep,
  type Step,
} from '../../../../controller/reconcile/plan-step.ts';
import type {
  ActionGrant,
  ActionGrantSpec,
  ActionGrantStatus,
  GrantCondition,
  Phase,
  Use,
} from '../../../../core/api/generated/actiongrant.ts';
import {
  aBoundCredential,
  aFinishedStatus,
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

const grantIn = (
  status?: ActionGrantStatus,
  spec: Partial<ActionGrantSpec> = {},
  metadata: Partial<ActionGrant['metadata']> = {},
): ActionGrant => aGrant({ metadata, spec, ...(status && { status }) });

/** What is next, so many seconds after noon. */
function next(grant: ActionGrant, seconds: number, facts: Partial<Facts> = {}): Step {
  return planStep(grant, {
    now: Date.parse(NOON) + seconds * 1000,
    approval: approvalOf(grant),
    podIsGone: () => false,
    isSurplus: () => false,
    ...facts,
  });
}

const wait = (seconds?: number): Step => ({
  type: 'Wait',
  milliseconds: seconds === undefined ? undefined : seconds * 1000,
});
const PAST_ITS_TIME: Step = { type: 'Remove', reason: 'its time to live is over' };
const SLACK = DEADLINE_SLACK_MILLISECONDS / 1000;
const LIMIT = (CONFIRMATION_LIMIT_MILLISECONDS + DEADLINE_SLACK_MILLISECONDS) / 1000;

const DELETED_AT = 11;
const unconfirmed: Use = anEndedUse('NotDispatched', {
  credential: aUseCredential({ deletedTime: noonPlus(DELETED_AT) }),
});
const awaiting: GrantCondition = {
  type: 'CredentialRevoked',
  status: 'Unknown',
  reason: 'AwaitingConfirmation',
  message: '',
  lastTransitionTime: noonPlus(DELETED_AT),
};

describe('a grant that nobody has decided', () => {
  const byRequester = { approvedByRequester: true };

  it.each<[string, ActionGrant, number, Step]>([
    [
      'new, approved by its requester, is made usable',
      grantIn(undefined, byRequester),
      0,
      { type: 'Approve' },
    ],
    [
      'pending, approved by its requester, is made usable',
      grantIn(aPendingStatus(), byRequester),
      1,
      { type: 'Approve' },
    ],
    ['new, is described', grantIn(), 0, { type: 'Describe' }],
    ['pending, waits for its deadline', grantIn(aPendingStatus()), 600, wait(3000)],
    ['just before its deadline, waits', grantIn(aPendingStatus()), 3599.999, wait(0.001)],
    ['at its deadline, expires', grantIn(aPendingStatus()), 3600, { type: 'Expire' }],
    [
      'new, but past its deadline, expires',
      grantIn(undefined, byRequester),
      3600,
      { type: 'Expire' },
    ],
    [
      'with a deadline of its own, expires then',
      grantIn(aPendingStatus(), { decisionDeadlineSeconds: 60 }),
      60,
      { type: 'Expire' },
    ],
  ])('%s', (_, grant, seconds, step) => {
    expect(next(grant, seconds)).toEqual(step);
  });
});

describe('a grant that is approved', () => {
  const given = anApprovedStatus({ uses: [unconfirmed], conditions: [awaiting] });

  it.each<[string, ActionGrantStatus, number, Step]>([
    ['waits for its expiration', anApprovedStatus(), 5, wait(900)],
    ['at its expiration, expires', anApprovedStatus(), 905, { type: 'Expire' }],
    [
      'with an unreadable expiration, expires',
      anApprovedStatus({ expirationTime: 'soon' }),
      5,
      { type: 'Expire' },
    ],
    [
      'given back, waits for the confirmation of the last credential',
      given,
      20,
      wait(DELETED_AT + LIMIT - 20),
    ],
    [
      'given back, records that nobody confirmed',
      given,
      DELETED_AT + LIMIT,
      { type: 'Unconfirmed', use: unconfirmed },
    ],
    ['given back, expires before it is confirmed', given, 905, { type: 'Expire' }],
    [
      'given back, waits for its expiration if that comes first',
      { ...given, expirationTime: noonPlus(25) },
      20,
      wait(5),
    ],
  ])('%s', (_, status, seconds, step) => {
    expect(next(grantIn(status), seconds)).toEqual(step);
  });

  it('without any expiration, expires', () => {
    const { expirationTime: _, ...status } = anApprovedStatus();
    expect(next(grantIn(status), 5)).toEqual({ type: 'Expire' });
  });
});

describe('a grant in use', () => {
  const use = aUse();

  it.each<[string, Use, number, Partial<Facts>, Step]>([
    ['waits for its deadline and the slack', use, 10, {}, wait(30 + SLACK)],
    ['at its deadline, still waits for the report', use, 40, {}, wait(SLACK)],
    [
      'past its deadline and the slack, is burnt',
      use,
      40 + SLACK,
      {},
      { type: 'Burn', use, reason: 'its deadline passed' },
    ],
    [
      'whose pod is gone, is burnt at once',
      use,
      11,
      { podIsGone: (u) => u.podUID === use.podUID },
      { type: 'Burn', use, reason: 'its pod is gone' },
    ],
    [
      'with an unreadable deadline, is burnt',
      aUse({ deadlineTime: 'later' }),
      11,
      {},
      { type: 'Burn', use: aUse({ deadlineTime: 'later' }), reason: 'its deadline passed' },
    ],
  ])('%s', (_, current, seconds, facts, step) => {
    expect(next(grantIn(anInUseStatus({ uses: [current] })), seconds, facts)).toEqual(step);
  });

  it('is judged by the use that has not ended', () => {
    const earlier = anEndedUse('NotDispatched', { id: 'first', podUID: 'gone' });
    const grant = grantIn(anInUseStatus({ uses: [earlier, use] }));
    expect(next(grant, 10, { podIsGone: (u) => u.podUID === 'gone' })).toEqual(wait(30 + SLACK));
  });

  it('without an open use waits to be changed: no clock may burn what is not known', () => {
    expect(next(grantIn(anInUseStatus({ uses: [] })), 10_000)).toEqual(wait());
  });
});

describe('a grant that has ended', () => {
  const finishedAt = 11;
  const { credential: _, ...clean } = aFinishedStatus();

  it.each<[string, ActionGrantStatus, number, Step]>([
    ['and still names its Secret, is collected', aFinishedStatus(), 12, { type: 'Collect' }],
    [
      'and still names its Secret, is collected before it is removed',
      aFinishedStatus(),
      99_999,
      { type: 'Collect' },
    ],
    [
      'waits for the confirmation of its revocation',
      { ...clean, uses: [unconfirmed], conditions: [awaiting] },
      20,
      wait(DELETED_AT + LIMIT - 20),
    ],
    [
      'records that nobody confirmed it, before it is removed',
      { ...clean, uses: [unconfirmed], conditions: [awaiting] },
      99_999,
      { type: 'Unconfirmed', use: unconfirmed },
    ],
    [
      'with a confirmed revocation waits for its removal',
      { ...clean, uses: [unconfirmed], conditions: [{ ...awaiting, status: 'True' }] },
      20,
      wait(finishedAt + 3600 - 20),
    ],
    ['waits for its time to live', clean, 20, wait(finishedAt + 3600 - 20)],
    ['past its time to live, is removed', clean, finishedAt + 3600, PAST_ITS_TIME],
  ])('%s', (_, status, seconds, step) => {
    expect(next(grantIn(status), seconds)).toEqual(step);
  });

  it.each<Phase>(['Finished', 'Denied', 'Expired', 'Revoked'])('%s is terminal', (phase) => {
    const { credential: _, ...status } = aStatus(phase);
    expect(next(grantIn(status), 99_999)).toEqual(PAST_ITS_TIME);
  });

  it.each<[string, ActionGrantStatus, Step]>([
    ['is removed', clean, { type: 'Remove', reason: 'its namespace keeps newer ones' }],
    ['loses its Secret first', aFinishedStatus(), { type: 'Collect' }],
    [
      'waits for the confirmation of its revocation first',
      { ...clean, uses: [unconfirmed], conditions: [awaiting] },
      wait(DELETED_AT + LIMIT - 20),
    ],
  ])('that is one too many in its namespace, %s', (_, status, step) => {
    expect(next(grantIn(status), 20, { isSurplus: () => true })).toEqual(step);
  });

  it.each<Phase>(['Expired', 'Revoked'])('%s with a Secret is collected', (phase) => {
    expect(next(grantIn(aStatus(phase)), 910)).toEqual({ type: 'Collect' });
  });

  it('without a time of its end counts from its creation', () => {
    const { finishTime: _, ...status } = clean;
    expect(next(grantIn(status), 3599)).toEqual(wait(1));
  });

  it('asks for the last of its credentials that is not confirmed', () => {
    const second = { ...unconfirmed, id: 'second' };
    const status = { ...clean, uses: [unconfirmed, second], conditions: [awaiting] };
    expect(next(grantIn(status), 99_999)).toEqual({ type: 'Unconfirmed', use: second });
  });
});

describe('a grant that is being deleted, but held by a finalizer', () => {
  const deleting = (status?: ActionGrantStatus) =>
    grantIn(status, { approvedByRequester: true }, { deletionTimestamp: noonPlus(1) });

  it.each<[string, ActionGrantStatus | undefined]>([
    ['new', undefined],
    ['pending', aPendingStatus()],
    ['approved', anApprovedStatus()],
  ])('%s, begins nothing any more', (_, status) => {
    expect(next(deleting(status), 99_999)).toEqual(wait());
  });

  it('in use, is still revoked in time', () => {
    expect(next(deleting(anInUseStatus()), 40 + SLACK).type).toBe('Burn');
  });

  it('ended, still loses its Secret, and is not deleted twice', () => {
    const { credential: _, ...clean } = aFinishedStatus();
    expect(next(deleting({ ...clean, credential: aBoundCredential() }), 12).type).toBe('Collect');
    expect(next(deleting(clean), 99_999)).toEqual(wait());
  });
});
