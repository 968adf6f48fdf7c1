/** Conditions and times, as statuses hold them. */

import type {
  ActionGrant,
  GrantCondition,
  GrantConditionStatus,
  GrantConditionType,
} from '../../core/api/generated/actiongrant.ts';

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
      message,
      lastTransitionTime:
        before !== undefined && before.status === status ? before.lastTransitionTime : time(now),
      ...(grant.metadata.generation === undefined
        ? {}
        : { observedGeneration: grant.metadata.generation }),
    });
  }
  return [...byType.values()];
}
