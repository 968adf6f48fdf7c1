/** Everything the controller measures. Labels come from closed sets; never a user, URL, namespace or grant. */

import { ACTION_TYPE_NAMES } from '../../core/action/action.ts';
import type { Phase } from '../../core/api/phase.ts';
import type { Clock } from '../../core/time/clock.ts';
import {
  Counter,
  closedCounter,
  closedHistogram,
  Gauge,
  Histogram,
  type Registry,
} from '../../process/metrics.ts';

export const USE_STAGES = ['match', 'mint', 'consume', 'revoke', 'confirm'] as const;
export type UseStage = (typeof USE_STAGES)[number];

const PHASES: readonly Phase[] = [
  'Pending',
  'Approved',
  'InUse',
  'Finished',
  'Denied',
  'Expired',
  'Revoked',
];
const OUTCOMES = ['NotDispatched', 'Succeeded', 'Failed', 'Unknown'];

/** What the gauges read at the moment of a scrape. */
export interface GaugeSources {
  grantsByPhase(): ReadonlyMap<Phase, number>;
  pendingOldestAgeSeconds(): number;
  credentialsLive(): number;
  credentialsOverdue(): number;
  /** Seconds since the epoch, by resource. */
  cacheLastSync(): ReadonlyMap<string, number>;
  /** Seconds since the epoch, by name of the certificate. */
  certificateExpirations(): ReadonlyMap<string, number>;
}

export type ControllerMetrics = ReturnType<typeof createControllerMetrics>;

export function createControllerMetrics(registry: Registry) {
  return {
    decisions: closedCounter(registry, {
      name: 'actiongrant_decisions_total',
      help: 'Grants decided, by decision and who decided.',
      labels: {
        decision: ['Approve', 'Deny', 'Expire'],
        source: ['human', 'policy', 'breakglass'],
      },
    }),
    decisionWait: closedHistogram(registry, {
      name: 'actiongrant_decision_wait_seconds',
      help: 'From the creation of a grant to its decision.',
      labels: {
        decision: ['Approve', 'Deny', 'Expire'],
        source: ['human', 'policy', 'breakglass'],
      },
      buckets: [0.01, 0.1, 1, 10, 60, 300, 900, 3600, 14_400, 86_400],
    }),
    uses: closedCounter(registry, {
      name: 'actiongrant_uses_total',
      help: 'Uses that ended, by type of action and outcome.',
      labels: { action_type: ACTION_TYPE_NAMES, outcome: OUTCOMES },
    }),
    useStage: closedHistogram(registry, {
      name: 'actiongrant_use_stage_duration_seconds',
      help: 'Duration of each stage of a use in the controller.',
      labels: { stage: USE_STAGES },
    }),
    consumeConflicts: counter(
      registry,
      'actiongrant_consume_conflicts_total',
      'Consuming writes that lost the compare-and-swap.',
    ),
    ambiguousWrites: counter(
      registry,
      'actiongrant_ambiguous_writes_total',
      'Consuming writes whose answer was lost.',
    ),
    revocations: closedCounter(registry, {
      name: 'actiongrant_revocations_total',
      help: 'Credentials revoked, by how sure we are.',
      labels: { result: ['Confirmed', 'Unconfirmed', 'Failed'] },
    }),
    revocationConfirmation: new Histogram({
      name: 'actiongrant_revocation_confirmation_seconds',
      help: 'From the deletion of the Secret to the first refusal of its token.',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 7.5, 10, 10.5, 11, 12.5, 15],
      registers: [registry],
    }),
  };
}

/** Starts the watch on a stage of a use; what it returns stops it. */
export function startStage(
  { useStage }: ControllerMetrics,
  clock: Clock,
  stage: UseStage,
): () => void {
  const start = clock.monotonic();
  return () => useStage.observe({ stage }, (clock.monotonic() - start) / 1000);
}

/** Registers the gauges; they are read when scraped, so they are never stale. */
export function registerGauges(registry: Registry, sources: GaugeSources): void {
  gauge(registry, 'actiongrant_grants', 'Grants in the cache, by phase.', ['phase'], (g) => {
    const byPhase = sources.grantsByPhase();
    for (const phase of PHASES) g.set({ phase }, byPhase.get(phase) ?? 0);
  });
  gauge(
    registry,
    'actiongrant_pending_oldest_age_seconds',
    'Age of the oldest grant that waits for a decision.',
    [],
    (g) => g.set(sources.pendingOldestAgeSeconds()),
  );
  gauge(
    registry,
    'actiongrant_credentials_live',
    'Credentials of uses that have not ended.',
    [],
    (g) => g.set(sources.credentialsLive()),
  );
  gauge(
    registry,
    'actiongrant_credentials_overdue',
    'Credentials that are live past the deadline of their use.',
    [],
    (g) => g.set(sources.credentialsOverdue()),
  );
  gauge(
    registry,
    'actiongrant_cache_last_sync_timestamp_seconds',
    'When a cache was last known to be current.',
    ['resource'],
    (g) => {
      for (const [resource, at] of sources.cacheLastSync()) g.set({ resource }, at);
    },
  );
  gauge(
    registry,
    'actiongrant_certificate_expiration_timestamp_seconds',
    'When a certificate expires.',
    ['name'],
    (g) => {
      for (const [name, at] of sources.certificateExpirations()) g.set({ name }, at);
    },
  );
}

function counter(registry: Registry, name: string, help: string): Counter {
  return new Counter({ name, help, registers: [registry] });
}

function gauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
  read: (gauge: Gauge<L>) => void,
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      read(this);
    },
  });
}
