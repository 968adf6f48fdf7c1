import { describe, expect, it } from 'vitest';
import { grantGauges } from '../../../../controller/record/gauges.ts';
import type { ActionGrantStatus } from '../../../../core/api/generated/actiongrant.ts';
import {
  aFinishedStatus,
  aGrant,
  anApprovedStatus,
  anInUseStatus,
  aPendingStatus,
  aUse,
} from '../../../support/builders.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { aGrantCache } from '../exchange/grants-api.ts';

const clock = new FakeClock();
const inSeconds = (seconds: number): string => new Date(clock.now() + seconds * 1000).toISOString();

/** Gauges over grants with these statuses, each so many seconds old. */
function gaugesOf(...grants: { status?: ActionGrantStatus; age?: number }[]) {
  const cache = aGrantCache();
  for (const [index, { status, age = 0 }] of grants.entries()) {
    const metadata = {
      name: `grant-${index}`,
      resourceVersion: '2',
      creationTimestamp: inSeconds(-age),
    };
    cache.observe(aGrant({ metadata, ...(status && { status }) }));
  }
  return grantGauges(cache, clock);
}

const usedUntil = (seconds: number): ActionGrantStatus =>
  anInUseStatus({ uses: [aUse({ deadlineTime: inSeconds(seconds) })] });

describe('the gauges', () => {
  it('count grants by phase; one without status waits', () => {
    const gauges = gaugesOf(
      {},
      { status: aPendingStatus() },
      { status: anApprovedStatus() },
      { status: aFinishedStatus() },
    );
    expect([...gauges.grantsByPhase()]).toEqual([
      ['Pending', 2],
      ['Approved', 1],
      ['Finished', 1],
    ]);
  });

  it('say how long the oldest grant waits, and nothing of grants that were decided', () => {
    const decided = { status: anApprovedStatus(), age: 900 };
    expect(gaugesOf(decided).pendingOldestAgeSeconds()).toBe(0);
    const waiting = [{ age: 5 }, { status: aPendingStatus(), age: 60 }];
    expect(gaugesOf(decided, ...waiting).pendingOldestAgeSeconds()).toBe(60);
  });

  it('count credentials that are live, and those that are so past their deadline', () => {
    const { credential: _, ...bare } = aUse();
    const gauges = gaugesOf(
      { status: usedUntil(30) },
      { status: usedUntil(-1) },
      { status: anInUseStatus({ uses: [bare] }) },
      { status: anApprovedStatus() },
      { status: aFinishedStatus() },
    );
    expect(gauges.credentialsLive()).toBe(2);
    expect(gauges.credentialsOverdue()).toBe(1);
  });
});
