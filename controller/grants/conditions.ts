/** Conditions and times, as statuses hold them. */

import type {
  ActionGrant,
  GrantCondition,
  GrantConditionStatus,
  GrantConditionType,
} from '../../core/api/generated/actiongrant.ts';
import { escapeHidden } from '../../core/text/hidden.ts';

/** Times are wall-clock milliseconds; statuses hold RFC 3339 with milliseconds. */
export type Milliseconds = number;

/** A wall-clock time as statuses hold it. */
export function time(milliseconds: Milliseconds): string {
  return new Date(milliseconds).toISOString();
}

/** What a step says of one condition. */
export type ConditionRow = readonly [
  type: GrantConditionType,
  status: GrantConditionStatus,
  reason: string,
  message: string,
];

/** As the CRD takes it: a number of characters. */
const MAX_MESSAGE_LENGTH = 1024;

/** Messages quote the API server and names that others chose. `kubectl describe` prints what is in them as it is. */
function shown(message: string): string {
  return escapeHidden(message).slice(0, MAX_MESSAGE_LENGTH);
}

/** Replaces conditions by type; the transition time moves only when the status does (API conventions). */
export function conditions(
  grant: ActionGrant,
  now: Milliseconds,
  rows: readonly ConditionRow[],
): GrantCondition[] {
  const byType = new Map(grant.status?.conditions?.map((c) => [c.type, c]));
  for (const [type, status, reason, message] of rows) {
    const before = byType.get(type);
    byType.set(type, {
      type,
      status,
      reason,
      message: shown(message),
      lastTransitionTime:
        before !== undefined && before.status === status ? before.lastTransitionTime : time(now),
      ...(grant.metadata.generation === undefined
        ? {}
        : { observedGeneration: grant.metadata.generation }),
    });
  }
  return [...byType.values()];
}
