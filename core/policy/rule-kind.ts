/** What one kind of rule is: everything that differs between kinds is a member here. */

import type { Call } from './call/call.ts';
import type { Findings } from './finding.ts';
import type { PolicyEffect, PolicyRule } from './policy.ts';

/** Alike: canonically it is another call, but some servers would take it for one that matches. */
export type Match = 'No' | 'Alike' | 'Yes';

/** Which calls a rule is about, apart from its condition. */
export interface Matcher<C extends Call> {
  /** What the key of a call decides: false for every call with this key. */
  mayMatch(call: C): boolean;
  /** Asked only if it may match. */
  matches(call: C): Match;
}

export interface RuleKind<C extends Call, M extends Matcher<C>> {
  readonly kind: C['kind'];
  /** Reads the member of its name, which is there. @param field the path of the rule, as `spec.rules[0]` */
  read(rule: PolicyRule, field: string, findings: Findings): M;
  /** Whether `outer` matches whatever `inner` matches. It may say no where the truth is yes. */
  covers(outer: M, inner: M): boolean;
}

/** What restricts counts calls that only look alike, too. */
export function restricts(effect: PolicyEffect): boolean {
  return effect === 'Ask' || effect === 'Deny';
}
