/** Policies for tests: `aPolicy('name', [anHttpRule({ effect: 'Deny' })])`. */

import { type CompiledPolicy, compilePolicy } from '../../core/policy/compile.ts';
import { findingText } from '../../core/policy/finding.ts';
import type {
  ActionPolicy,
  ActionPolicySpec,
  HttpRule,
  KubernetesRule,
  PolicyRule,
} from '../../core/policy/policy.ts';
import { PolicySet } from '../../core/policy/policy-set.ts';
import { FORGE } from './policy-calls.ts';

export function aPolicy(
  name: string,
  rules: readonly PolicyRule[],
  spec: Partial<ActionPolicySpec> = {},
): ActionPolicy {
  return {
    metadata: { name, uid: `uid-of-${name}`, generation: 1 },
    spec: {
      agents: { namespaceSelector: { matchLabels: { team: 'shop' } } },
      mode: 'Enforce',
      rules,
      ...spec,
    },
  };
}

type RuleOverrides = Partial<Omit<PolicyRule, 'http' | 'kubernetes'>>;

/** Allow, of every call to the forge. */
export function anHttpRule({
  http,
  ...rule
}: RuleOverrides & { http?: Partial<HttpRule> } = {}): PolicyRule {
  return {
    name: 'rule',
    http: { hosts: [FORGE], methods: ['*'], paths: ['/**'], ...http },
    effect: 'Allow',
    ...(rule.effect === 'Grant' && { budget: { uses: 20, periodSeconds: 3600 } }),
    ...rule,
  };
}

/** Deny, of every call to the API server. */
export function aKubernetesRule({
  kubernetes,
  ...rule
}: RuleOverrides & { kubernetes?: Partial<KubernetesRule> } = {}): PolicyRule {
  return {
    name: 'rule',
    kubernetes: {
      apiGroups: ['*'],
      resources: ['*'],
      verbs: ['*'],
      namespaces: ['*'],
      ...kubernetes,
    },
    effect: 'Deny',
    ...rule,
  };
}

/** @throws Error if it is not acceptable */
export function compiled(policy: ActionPolicy): CompiledPolicy {
  const { policy: result, errors } = compilePolicy(policy);
  if (errors.length > 0) throw new Error(errors.map(findingText).join('\n'));
  return result;
}

export function aSetOf(...policies: readonly ActionPolicy[]): PolicySet {
  return new PolicySet(policies.map(compiled));
}
