/** What the gauges say of the grants in the cache, counted when they are read. */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { currentUse } from '../../core/api/grant.ts';
import type { Phase } from '../../core/api/phase.ts';
import type { Store } from '../../core/kubernetes/store.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { GaugeSources } from './metrics.ts';

export function grantGauges(
  grants: Store<ActionGrant>,
  clock: Clock,
): Omit<GaugeSources, 'cacheLastSync' | 'certificateExpirations'> {
  const liveUses = () =>
    grants
      .list()
      .map(currentUse)
      .filter((use) => use?.credential !== undefined);
  return {
    grantsByPhase() {
      const counts = new Map<Phase, number>();
      for (const { status } of grants.list()) {
        const phase = status?.phase ?? 'Pending';
        counts.set(phase, (counts.get(phase) ?? 0) + 1);
      }
      return counts;
    },
    pendingOldestAgeSeconds() {
      const ages = grants
        .list()
        .filter(({ status }) => (status?.phase ?? 'Pending') === 'Pending')
        .map(({ metadata }) => (clock.now() - Date.parse(metadata.creationTimestamp)) / 1000);
      return ages.reduce((oldest, age) => Math.max(oldest, age), 0);
    },
    credentialsLive: () => liveUses().length,
    credentialsOverdue: () =>
      liveUses().filter((use) => use !== undefined && clock.now() > Date.parse(use.deadlineTime))
        .length,
  };
}
