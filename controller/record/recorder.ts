/**
 * One place that turns what happened to a grant into an Event, a metric and a log line, so that the three never disagree.
 * (The condition is written with the status, in grants/transitions.)
 */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { API_GROUP, API_VERSION } from '../../core/api/names.ts';
import type { EventRecorder } from '../../core/kubernetes/events.ts';
import type { LogFields, Logger } from '../../process/log.ts';
import { ENTRIES, type Entry } from './entries.ts';
import type { ControllerMetrics } from './metrics.ts';

type Entries = typeof ENTRIES;

/** A method for every entry of the table; its line is in the log when it returns. */
export type GrantRecorder = {
  readonly [What in keyof Entries]: (...happened: Parameters<Entries[What]>) => void;
};

export interface GrantRecorderDependencies {
  log: Logger;
  events: EventRecorder;
  metrics: ControllerMetrics;
  /** Wall clock, ms. */
  now(): number;
}

export function createGrantRecorder(dependencies: GrantRecorderDependencies): GrantRecorder {
  const { log, events, metrics, now } = dependencies;

  const record = (grant: ActionGrant, entry: Entry | undefined): void => {
    if (entry === undefined) return;
    const { level, message, fields, event, measure } = entry;
    const { namespace, name, uid, creationTimestamp } = grant.metadata;
    measure?.(metrics, Math.max(0, (now() - Date.parse(creationTimestamp)) / 1000));
    log[level](message, { ...fieldsOf(grant), ...fields });
    if (event === undefined) return;
    const apiVersion = `${API_GROUP}/${API_VERSION}`;
    const regarding = { apiVersion, kind: 'ActionGrant', namespace, name, uid };
    events.record({ regarding, ...event, action: event.reason });
  };

  return {
    decisionNeeded: (grant) => record(grant, ENTRIES.decisionNeeded(grant)),
    approved: (grant) => record(grant, ENTRIES.approved(grant)),
    consumed: (grant, use) => record(grant, ENTRIES.consumed(grant, use)),
    used: (grant, use) => record(grant, ENTRIES.used(grant, use)),
    expired: (grant) => record(grant, ENTRIES.expired(grant)),
    revoked: (grant, ...how) => record(grant, ENTRIES.revoked(grant, ...how)),
    deleted: (grant) => record(grant, ENTRIES.deleted(grant)),
    removed: (grant, reason) => record(grant, ENTRIES.removed(grant, reason)),
  };
}

/** Which grant it is. */
function fieldsOf({ metadata, status }: ActionGrant): LogFields {
  return {
    namespace: metadata.namespace,
    grant: metadata.name,
    uid: metadata.uid,
    phase: status?.phase,
    summary: status?.summary,
  };
}
