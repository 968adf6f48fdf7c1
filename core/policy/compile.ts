/** A policy → a program that judges calls, or what is wrong with it. */

import type { Call } from './call/call.ts';
import { compileCondition } from './condition/compile-condition.ts';
import type { Condition } from './condition/condition.ts';
import { type Finding, Findings } from './finding.ts';
import { HTTP_RULE, type HttpMatcher } from './http-rule.ts';
import { KUBERNETES_RULE, type KubernetesMatcher } from './kubernetes-rule.ts';
import type { ActionPolicy, PolicyAgents, PolicyRule } from './policy.ts';
import { type Matcher, type RuleKind, restricts } from './rule-kind.ts';
import { checkShape } from './rule-shape.ts';
import { TCP_RULE, type TcpMatcher } from './tcp-rule.ts';

export interface CompiledRule {
  readonly rule: PolicyRule;
  readonly kind: Call['kind'];
  readonly matcher: Matcher<Call>;
  readonly condition?: Condition;
}

export interface CompiledPolicy {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly agents: PolicyAgents;
  readonly mode: 'Enforce' | 'Audit';
  /** Undefined if the policy is not acceptable: its agents are refused whatever no person's grant covers. */
  readonly rules: readonly CompiledRule[] | undefined;
}

export interface Compilation {
  readonly policy: CompiledPolicy;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/** In the order of the members of a rule. Each sees calls and matchers of its own kind only. */
const RULE_KINDS = {
  http: HTTP_RULE,
  kubernetes: KUBERNETES_RULE,
  tcp: TCP_RULE,
} as const satisfies {
  http: RuleKind<Extract<Call, { kind: 'http' }>, HttpMatcher>;
  kubernetes: RuleKind<Extract<Call, { kind: 'kubernetes' }>, KubernetesMatcher>;
  tcp: RuleKind<Extract<Call, { kind: 'tcp' }>, TcpMatcher>;
};

const MAX_RULES = 64;
/** The right to lend each is checked by the API server, which has a budget for that. */
const MAX_LENDING_RULES = 16;

export function compilePolicy({ metadata, spec }: ActionPolicy): Compilation {
  const findings = new Findings();
  checkAgents(spec.agents, findings);
  checkList(spec.rules, findings);
  const rules = spec.rules.flatMap((rule, index) => {
    const compiled = compileRule(rule, `spec.rules[${index}]`, findings);
    return compiled === undefined ? [] : [compiled];
  });
  const { errors, warnings } = findings;
  if (errors.length === 0) warnOfShadows(rules, findings);
  const { name, uid, generation } = metadata;
  return {
    policy: {
      name,
      uid,
      generation,
      agents: spec.agents,
      mode: spec.mode,
      rules: errors.length === 0 ? rules : undefined,
    },
    errors,
    warnings,
  };
}

function checkAgents({ namespaceSelector }: PolicyAgents, findings: Findings): void {
  const { matchLabels = {}, matchExpressions = [] } = namespaceSelector;
  const field = 'spec.agents.namespaceSelector';
  if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) {
    findings.error(
      field,
      'is empty, which selects every namespace',
      'name labels, or write {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]} for all of them',
    );
  }
  matchExpressions.forEach(({ operator, values = [] }, index) => {
    if ((operator === 'In' || operator === 'NotIn') === values.length > 0) return;
    findings.error(
      `${field}.matchExpressions[${index}].values`,
      'must be there for In and NotIn, and only there',
      'list the values, or use Exists',
    );
  });
}

function checkList(rules: readonly PolicyRule[], findings: Findings): void {
  const field = 'spec.rules';
  if (rules.length === 0 || rules.length > MAX_RULES) {
    findings.error(
      field,
      `has ${rules.length} rules`,
      `write 1 to ${MAX_RULES}, or split the policy`,
    );
  }
  const lending = rules.filter(({ credential }) => credential !== undefined).length;
  if (lending > MAX_LENDING_RULES) {
    findings.error(
      field,
      `has ${lending} rules with a credential`,
      `write at most ${MAX_LENDING_RULES}, and split the policy`,
    );
  }
  const names = new Set<string>();
  rules.forEach(({ name }, index) => {
    if (names.has(name)) {
      findings.error(`${field}[${index}].name`, 'is that of an earlier rule', 'rename one of them');
    }
    names.add(name);
  });
}

function compileRule(
  rule: PolicyRule,
  field: string,
  findings: Findings,
): CompiledRule | undefined {
  if (!checkShape(rule, field, findings)) return undefined;
  const kind = rule.http ? 'http' : rule.kubernetes ? 'kubernetes' : 'tcp';
  const matcher = RULE_KINDS[kind].read(rule, field, findings);
  const condition =
    rule.when === undefined || kind === 'tcp'
      ? undefined
      : readCondition(kind, rule, rule.when, field, findings);
  return { rule, kind, matcher, ...(condition && { condition }) };
}

function readCondition(
  kind: 'http' | 'kubernetes',
  { http, effect }: PolicyRule,
  when: string,
  ruleField: string,
  findings: Findings,
): Condition | undefined {
  const field = `${ruleField}.when`;
  const { condition, error } = compileCondition(kind, when);
  if (error !== undefined) {
    findings.error(field, error.reason, error.wayOut, error.at);
    return undefined;
  }
  if (condition.constant === false) {
    findings.warn(field, 'is never true, so that the rule can never match', 'remove the rule');
  } else if (condition.constant === true) {
    findings.warn(field, 'is always true', 'remove the field');
  }
  const bodiless = http?.methods.every((method) => method === 'GET' || method === 'HEAD') ?? false;
  if (bodiless && condition.mentions.has('json')) {
    findings.warn(
      field,
      'reads a body, which no call with these methods has',
      'compare the path or the query instead',
    );
  }
  if (restricts(effect) && SPELLED.test(when)) {
    findings.warn(
      field,
      'compares the path in one spelling, and some servers read others alike',
      'use paths, which match those too',
    );
  }
  return condition;
}

/** Only told: what is meant by it cannot be seen. */
const SPELLED = /\baction\.http\.(?:path|segments)\b/;

/** A rule can never match if an earlier one matches whatever it does. */
function warnOfShadows(rules: readonly CompiledRule[], findings: Findings): void {
  rules.forEach((inner, index) => {
    const outer = rules.slice(0, index).find((earlier) => shadows(earlier, inner));
    if (outer === undefined) return;
    findings.warn(
      `spec.rules[${index}]`,
      `can never match: the earlier rule ${outer.rule.name} matches every such call`,
      'move it up, or remove it',
    );
  });
}

function shadows(outer: CompiledRule, inner: CompiledRule): boolean {
  if (outer.kind !== inner.kind) return false;
  // What cannot be evaluated is denied by the earlier rule.
  const always =
    outer.condition === undefined ||
    outer.condition.constant === true ||
    outer.condition.source === inner.condition?.source;
  const { covers } = RULE_KINDS[outer.kind] as RuleKind<Call, Matcher<Call>>;
  return always && covers(outer.matcher, inner.matcher);
}
