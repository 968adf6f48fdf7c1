/**
 * Judges a call by every policy of its agent. The strictest effect wins, in whatever order the policies come: Deny, Ask, Grant,
 * Allow. Pure, so that a sidecar and the controller say the same of the same call.
 */

import { canonicalJson, type JsonValue } from '../text/json.ts';
import type { Call } from './call/call.ts';
import { Judge, type Reason } from './judge.ts';
import type { AskTerms, PolicyCredential, PolicyEffect } from './policy.ts';
import type { PolicySet } from './policy-set.ts';
import { type AskedTogether, DEFAULT_ASK, type Verdict } from './verdict.ts';

const STRICTEST_FIRST: readonly PolicyEffect[] = ['Deny', 'Ask', 'Grant', 'Allow'];

export function evaluate(policies: PolicySet, call: Call): Verdict {
  const all = reasonsOf(policies, call, 'Enforce');
  const [effect, winners] = strictest(all);
  if (effect === 'Deny') return { effect, code: winners[0].code, reasons: winners };
  const broken = policies.policies.filter(
    ({ mode, rules }) => mode === 'Enforce' && rules === undefined,
  );
  if (broken.length > 0) {
    const names = broken.map(({ name }) => name);
    return { effect: 'None', because: 'PolicyNotAccepted', policies: names };
  }
  if (effect === undefined) return { effect: 'None', because: 'NoRuleMatches' };

  const credentials = credentialsOf(winners, call.agent.namespace);
  if (credentials.length > 1) return { effect: 'Deny', code: 'PolicyConflict', reasons: winners };
  const [credential] = credentials;
  const decided = { reasons: winners, ...(credential && { credential }) };
  switch (effect) {
    case 'Allow': {
      // Where a credential is lent, the agent's own would go with it.
      const passing = credential ? [] : winners.flatMap(({ rule }) => rule.passHeaders ?? []);
      return { ...decided, effect, passHeaders: [...new Set(passing)].sort() };
    }
    case 'Grant':
      return {
        ...decided,
        effect,
        charges: winners.flatMap(({ policy, rule }) =>
          rule.budget === undefined ? [] : [{ policy, rule: rule.name, budget: rule.budget }],
        ),
      };
    case 'Ask':
      return {
        ...decided,
        effect,
        questions: winners.map(({ policy, rule }) => {
          const { approvals, bot } = rule.ask ?? DEFAULT_ASK;
          return { policy, rule: rule.name, approvals, ...(bot !== undefined && { bot }) };
        }),
        terms: together(winners.map(({ rule }) => rule.ask ?? DEFAULT_ASK)),
      };
  }
}

/** What policies that are only tried would say, each by itself. */
export function audit(policies: PolicySet, call: Call): Reason[] {
  return reasonsOf(policies, call, 'Audit');
}

/** Those that are tried have fuel of their own: they must not change what the others say. */
function reasonsOf(policies: PolicySet, call: Call, mode: 'Enforce' | 'Audit'): Reason[] {
  const judge = new Judge(call);
  const reasons: Reason[] = [];
  for (const candidates of policies.candidates(call)) {
    if (candidates.policy.mode !== mode) continue;
    const reason = judge.judge(candidates);
    if (reason !== undefined) reasons.push(reason);
  }
  return reasons;
}

type Strictest =
  | readonly [effect: undefined, winners: undefined]
  | readonly [effect: PolicyEffect, winners: readonly [Reason, ...Reason[]]];

function strictest(reasons: readonly Reason[]): Strictest {
  for (const effect of STRICTEST_FIRST) {
    const winning = reasons.filter((reason) => reason.effect === effect);
    // What a rule says for itself comes before what could not be judged.
    const [first, ...others] = [
      ...winning.filter(isMatched),
      ...winning.filter((reason) => !isMatched(reason)),
    ];
    if (first !== undefined) return [effect, [first, ...others]];
  }
  return [undefined, undefined];
}

const isMatched = ({ code }: Reason): boolean => code === 'Matched';

/** Each once. A rule that names none goes with any: a guardrail that only asks must not know what is lent. */
function credentialsOf(reasons: readonly Reason[], agentNamespace: string): PolicyCredential[] {
  const found = new Map<string, PolicyCredential>();
  for (const { credential } of reasons.map(({ rule }) => rule)) {
    if (credential === undefined) continue;
    const whole = { ...credential, namespace: credential.namespace ?? agentNamespace };
    found.set(canonicalJson(whole as unknown as JsonValue), whole);
  }
  return [...found.values()];
}

function together(terms: readonly AskTerms[]): AskedTogether {
  return {
    holdSeconds: Math.min(...terms.map(({ holdSeconds }) => holdSeconds)),
    decisionDeadlineSeconds: Math.min(
      ...terms.map(({ decisionDeadlineSeconds }) => decisionDeadlineSeconds),
    ),
    redact: [...new Set(terms.flatMap(({ redact = [] }) => redact))].sort(),
    opaque: terms.every(({ opaque }) => opaque === true),
  };
}
