import { describe, expect, it } from 'vitest';
import {
  countAwaitingDecision,
  firstEndedBeyond,
  grantsForAction,
} from '../../../../controller/grants/cache.ts';
import type { LiveGrant } from '../../../../controller/grants/resource.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import type {
  ActionGrant,
  ActionGrantStatus,
  Phase,
} from '../../../../core/api/generated/actiongrant.ts';
import {
  aGrant,
  anHttpAction,
  aPendingStatus,
  aStatus,
  noonPlus,
} from '../../../support/builders.ts';
import { aGrantCache } from '../exchange/grants-api.ts';

let versions = 10;
function cacheOf(...grants: readonly ActionGrant[]) {
  const cache = aGrantCache();
  for (const grant of grants) {
    const metadata = { ...grant.metadata, resourceVersion: `${versions++}` };
    cache.applyPresent({ ...grant, metadata } as LiveGrant);
  }
  return cache;
}

let names = 0;
const grantWith = (overrides: Parameters<typeof aGrant>[0]): ActionGrant =>
  aGrant({ ...overrides, metadata: { name: `grant-${names++}`, ...overrides?.metadata } });

describe('the grants of an agent that wait for a decision', () => {
  const AGENT = { namespace: 'soc', serviceAccountName: 'incident-agent' };
  const pending = aPendingStatus();

  it.each<[counted: number, what: string, grant: ActionGrant]>([
    [1, 'new', grantWith({})],
    [1, 'pending', grantWith({ status: pending })],
    [
      1,
      'of another namespace, for this agent',
      grantWith({
        metadata: { namespace: 'desk' },
        spec: { agent: { serviceAccountName: 'incident-agent', namespace: 'soc' } },
      }),
    ],
    [0, 'decided by its requester', grantWith({ spec: { approvedByRequester: true } })],
    [0, 'approved', grantWith({ status: aStatus('Approved') })],
    [0, 'denied', grantWith({ status: aStatus('Denied') })],
    [0, 'being deleted', grantWith({ metadata: { deletionTimestamp: noonPlus(1) } })],
    [0, 'of another agent', grantWith({ spec: { agent: { serviceAccountName: 'other' } } })],
    [
      0,
      'of its namesake elsewhere',
      grantWith({ metadata: { namespace: 'desk' }, status: pending }),
    ],
  ])('are %i: one %s', (counted, _, grant) => {
    expect(countAwaitingDecision(cacheOf(grant), AGENT)).toBe(counted);
  });
});

describe('a namespace with more ended grants than it keeps', () => {
  const ended = (name: string, seconds: number, status: Partial<ActionGrantStatus> = {}) =>
    grantWith({
      metadata: { name },
      status: { ...aStatus('Finished'), finishTime: noonPlus(seconds), ...status },
    });
  const first = (most: number, ...grants: readonly ActionGrant[]) =>
    firstEndedBeyond(cacheOf(...grants), 'soc', most)?.metadata.name;

  it('gives up the one that ended first', () => {
    expect(first(2, ended('b', 20), ended('a', 10), ended('c', 30))).toBe('a');
  });

  it('gives up none as long as it may keep them all', () => {
    expect(first(3, ended('b', 20), ended('a', 10), ended('c', 30))).toBeUndefined();
  });

  it.each<Phase>(['Finished', 'Denied', 'Expired', 'Revoked'])('counts what is %s', (phase) => {
    const old = grantWith({
      metadata: { name: 'old' },
      status: { ...aStatus(phase), finishTime: noonPlus(1) },
    });
    expect(first(1, old, ended('new', 20))).toBe('old');
  });

  it.each<[string, ActionGrant]>([
    ['is in use', grantWith({ status: aStatus('InUse') })],
    ['is approved', grantWith({ status: aStatus('Approved') })],
    ['waits', grantWith({})],
    ['is elsewhere', grantWith({ metadata: { namespace: 'desk' }, status: aStatus('Finished') })],
    [
      'is being deleted already',
      grantWith({ metadata: { deletionTimestamp: noonPlus(1) }, status: aStatus('Finished') }),
    ],
  ])('does not count what %s', (_, grant) => {
    expect(first(1, grant, ended('a', 10))).toBeUndefined();
  });

  it('goes by the creation of one that has no time of its end', () => {
    const { finishTime: _, ...status } = aStatus('Finished');
    const odd = grantWith({ metadata: { name: 'odd', creationTimestamp: noonPlus(5) }, status });
    expect(first(1, ended('a', 10), odd)).toBe('odd');
    expect(first(1, ended('a', 1), odd)).toBe('a');
  });
});

it('a grant is found by what it says now, and by the digest that an earlier release recorded', () => {
  const action = anHttpAction({ headers: { 'x-api-key': 'hunter2' } });
  const recorded = '0'.repeat(64);
  const status = { ...aStatus('Approved'), actionDigest: recorded };
  const cache = cacheOf(grantWith({ spec: { action }, status }));
  const agent = { namespace: 'soc', serviceAccountName: 'incident-agent' };
  for (const digest of [recorded, grantedAction(action).digest]) {
    expect(grantsForAction(cache, agent, digest)).toHaveLength(1);
  }
});
