/** What one policy says of a call: the first of its rules that matches. */

import type { Call } from './call/call.ts';
import type { CompiledRule } from './compile.ts';
import type { Condition } from './condition/condition.ts';
import { CALL_FUEL } from './condition/limits.ts';
import { type Variables, variablesOf } from './condition/variables.ts';
import type { PolicyEffect } from './policy.ts';
import type { Candidates } from './policy-set.ts';
import { restricts } from './rule-kind.ts';

/** Why a rule decides as it does; all but Matched refuse. */
export type ReasonCode =
  | 'Matched'
  /** A rule with Ask is about a call that some servers would take for this one. */
  | 'LooksAlike'
  | 'BodyUnreadable'
  | 'ConditionFailed'
  | 'ConditionTooDear';

export interface Reason {
  readonly policy: string;
  readonly uid: string;
  readonly generation: number;
  readonly rule: CompiledRule['rule'];
  /** What comes of it: Deny where the rule could not be judged, whatever its own effect. */
  readonly effect: PolicyEffect;
  readonly code: ReasonCode;
  /** About the code, in a sentence without hostile text; undefined for Matched. */
  readonly detail?: string;
}

/** Judges one call by one policy after the other; what they may cost is bounded together. */
export class Judge {
  readonly #call: Call;
  #fuel = CALL_FUEL;
  #variables: Variables | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Undefined: no rule matches. */
  judge({ policy, rules }: Candidates): Reason | undefined {
    for (const compiled of rules) {
      const { rule, matcher, condition } = compiled;
      const match = matcher.matches(this.#call);
      if (match === 'No' || (match === 'Alike' && !restricts(rule.effect))) continue;
      const judged = condition === undefined ? true : this.#holds(condition);
      if (judged === false) continue;
      if (judged !== true) return reason(policy, rule, 'Deny', judged);
      if (match === 'Alike' && rule.effect === 'Ask')
        return reason(policy, rule, 'Deny', LOOKS_ALIKE);
      return reason(policy, rule, rule.effect, MATCHED);
    }
    return undefined;
  }

  #holds(condition: Condition): boolean | Pick<Reason, 'code' | 'detail'> {
    if (this.#call.kind === 'tcp') return true;
    this.#variables ??= variablesOf(this.#call);
    const { body } = this.#variables.action;
    for (const part of condition.mentions) {
      if (body?.canRead(part)) continue;
      return {
        code: 'BodyUnreadable',
        detail: `The rule reads ${part} of the body, and this body has none that can be read.`,
      };
    }
    const outcome = condition.evaluate(this.#variables, this.#fuel);
    this.#fuel -= outcome.fuel;
    if (outcome.ok) return outcome.value;
    return outcome.reason === 'fuel'
      ? { code: 'ConditionTooDear', detail: "The rule's condition costs too much on this call." }
      : {
          code: 'ConditionFailed',
          detail: `The rule's condition cannot be evaluated on this call: ${outcome.message}.`,
        };
  }
}

function reason(
  { name, uid, generation }: Candidates['policy'],
  rule: Reason['rule'],
  effect: PolicyEffect,
  { code, detail }: Pick<Reason, 'code' | 'detail'>,
): Reason {
  const decided = { policy: name, uid, generation, rule, effect, code };
  return detail === undefined ? decided : { ...decided, detail };
}

const MATCHED = { code: 'Matched' } as const;
const LOOKS_ALIKE = {
  code: 'LooksAlike',
  detail:
    'Some servers take the path for one that the rule is about. Write it in the spelling of the rule.',
} as const;
