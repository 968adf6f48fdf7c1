/** Rules that a pod must keep to, as data. */

import type { RuleId } from './admission-policy-rules.ts';

/** What is wrong with a pod. */
export interface PodFault {
  /** As its author would write it, such as `spec.hostNetwork`. */
  readonly field: string;
  /** What it must be instead, and the way out. */
  readonly reason: string;
}

export interface Rule<T> {
  /** Of the rule in the chart's policies that holds the same. */
  readonly id: RuleId;
  /** The fields that break it, from where the rule looks. */
  readonly broken: (subject: T) => readonly string[];
  /** Reads on from the field's name: what it must be, why, and the way out. */
  readonly reason: string;
}

/** The field if it breaks its rule. */
export function when(isBroken: boolean | undefined, field: string): string[] {
  return isBroken ? [field] : [];
}

/** Everything that breaks a rule; `placed` says where the subject stands. */
export function faultsOf<T>(
  rules: readonly Rule<T>[],
  subject: T,
  placed: (field: string) => string,
): PodFault[] {
  return rules.flatMap(({ broken, reason }) =>
    broken(subject).map((field) => ({ field: placed(field), reason })),
  );
}
