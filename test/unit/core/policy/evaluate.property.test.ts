/** Properties of verdicts, looked for with random policies, and compared with a model that knows no index and no engine. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CompiledPolicy } from '../../../../core/policy/compile.ts';
import { evaluate } from '../../../../core/policy/evaluate.ts';
import type { PolicyEffect, PolicyRule } from '../../../../core/policy/policy.ts';
import { PolicySet } from '../../../../core/policy/policy-set.ts';
import type { Verdict } from '../../../../core/policy/verdict.ts';
import { anHttpRule, aPolicy, compiled } from '../../../support/policies.ts';
import { aCall, FORGE } from '../../../support/policy-calls.ts';

/** A call in the model's eyes. */
interface Facts {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Text of a JSON body; null: there is one that is no JSON. */
  readonly json: string | null;
}

const HOSTS: readonly (readonly [pattern: string, matches: (host: string) => boolean])[] = [
  [FORGE, (host) => host === FORGE],
  ['*.example.com', (host) => host.endsWith('.example.com')],
  ['other.test', (host) => host === 'other.test'],
  ['*', () => true],
];
const PATHS: readonly (readonly [pattern: string, matches: RegExp])[] = [
  ['/a', /^\/a$/],
  ['/a/*', /^\/a\/[^/]+$/],
  ['/a/**', /^\/a(\/.*)?$/],
  ['/**', /^/],
];
type Holds = boolean | 'unreadable' | 'error';
const CONDITIONS: readonly (readonly [when: string | undefined, holds: (call: Facts) => Holds])[] =
  [
    [undefined, () => true],
    ["action.http.method == 'GET'", ({ method }) => method === 'GET'],
    ["'q' in action.http.query", ({ query }) => query !== ''],
    [
      "action.http.body.json.base == 'main'",
      ({ json }) => {
        if (json === null) return 'unreadable';
        const { base } = JSON.parse(json) as { base?: string };
        return base === undefined ? 'error' : base === 'main';
      },
    ],
  ];
const EFFECTS: readonly PolicyEffect[] = ['Allow', 'Grant', 'Ask', 'Deny'];

/** A rule as the model has it. */
interface ModelRule {
  readonly host: number;
  readonly method: string;
  readonly path: number;
  readonly condition: number;
  readonly effect: PolicyEffect;
  readonly lends: string | undefined;
}

const modelRule: fc.Arbitrary<ModelRule> = fc.record({
  host: fc.nat(HOSTS.length - 1),
  method: fc.constantFrom('*', 'GET', 'POST'),
  path: fc.nat(PATHS.length - 1),
  condition: fc.nat(CONDITIONS.length - 1),
  effect: fc.constantFrom(...EFFECTS),
  lends: fc.constantFrom(undefined, undefined, 'one', 'two'),
});
const modelPolicies = fc.array(fc.array(modelRule, { minLength: 1, maxLength: 4 }), {
  maxLength: 4,
});
const facts: fc.Arbitrary<Facts> = fc.record({
  host: fc.constantFrom(FORGE, 'api.example.com', 'other.test'),
  method: fc.constantFrom('GET', 'POST'),
  path: fc.constantFrom('/a', '/a/b', '/a/b/c', '/b'),
  query: fc.constantFrom('', '?q=1'),
  json: fc.constantFrom('{"base":"main"}', '{"base":"next"}', '{}', null),
});

/** What a rule lends is a static key under Allow, and nothing under Deny. */
const lentBy = ({ lends, effect }: ModelRule) => (effect === 'Deny' ? undefined : lends);

function ruleOf(model: ModelRule, index: number): PolicyRule {
  const when = CONDITIONS[model.condition]?.[0];
  const lends = lentBy(model);
  return anHttpRule({
    name: `r${index}`,
    effect: model.effect,
    http: {
      hosts: [HOSTS[model.host]?.[0] ?? ''],
      methods: [model.method],
      paths: [PATHS[model.path]?.[0] ?? ''],
      query: 'Any',
    },
    ...(when !== undefined && { when }),
    ...(lends !== undefined && { credential: { type: 'Issuer', issuer: { name: lends } } }),
  });
}

const policyOf = (rules: readonly ModelRule[], index: number): CompiledPolicy =>
  compiled(aPolicy(`p${index}`, rules.map(ruleOf)));

const callOf = ({ host, method, path, query, json }: Facts) =>
  aCall({
    url: `https://${host}${path}${query}`,
    method,
    body: json === null ? { bytes: 10 } : { json },
  });

/** The first rule that matches, as it decides; undefined if there is none. */
function modelOf(rules: readonly ModelRule[], call: Facts) {
  for (const [index, rule] of rules.entries()) {
    const isAbout =
      HOSTS[rule.host]?.[1](call.host) &&
      (rule.method === '*' || rule.method === call.method) &&
      PATHS[rule.path]?.[1].test(call.path);
    const holds = isAbout && CONDITIONS[rule.condition]?.[1](call);
    if (holds === undefined || holds === false) continue;
    const isMatched = holds === true;
    return {
      name: `r${index}`,
      effect: isMatched ? rule.effect : 'Deny',
      isMatched,
      rule,
    } as const;
  }
  return undefined;
}

function model(policies: readonly (readonly ModelRule[])[], call: Facts): string {
  const decided = policies.flatMap((rules, index) => {
    const found = modelOf(rules, call);
    return found === undefined ? [] : [{ ...found, name: `p${index}/${found.name}` }];
  });
  const ranks = decided.map(({ effect }) => EFFECTS.indexOf(effect));
  const strictest = EFFECTS[Math.max(-1, ...ranks)];
  if (strictest === undefined) return 'None';
  const winners = decided
    .filter(({ effect }) => effect === strictest)
    .sort((a, b) => Number(b.isMatched) - Number(a.isMatched));
  const lent = new Set(winners.flatMap(({ rule }) => lentBy(rule) ?? []));
  const effect = strictest !== 'Deny' && lent.size > 1 ? 'Deny' : strictest;
  return `${effect} ${winners.map(({ name }) => name).join(' ')}`;
}

function inShort(verdict: Verdict): string {
  if (verdict.effect === 'None') return 'None';
  const winners = verdict.reasons.map(({ policy, rule }) => `${policy}/${rule.name}`);
  return `${verdict.effect} ${winners.join(' ')}`;
}

const RUNS = { numRuns: 1_500 };

describe('a verdict', () => {
  it('is that of the model, in whatever order the policies come', () => {
    fc.assert(
      fc.property(
        modelPolicies,
        fc.array(facts, { minLength: 1 }),
        fc.infiniteStream(fc.nat()),
        (policies, calls, chance) => {
          const all = policies.map(policyOf);
          const shuffled = all
            .map((policy) => ({ policy, at: chance.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ policy }) => policy);
          const set = new PolicySet(shuffled);
          for (const call of calls) {
            expect(inShort(evaluate(set, callOf(call)))).toBe(model(policies, call));
          }
        },
      ),
      RUNS,
    );
  });

  it('lets a refused call pass with one more policy only by what that policy lets through', () => {
    const more = fc.array(modelRule, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(modelPolicies, more, facts, (policies, rules, call) => {
        const others = policies.map(policyOf);
        const own = policyOf(rules, policies.length);
        const before = evaluate(new PolicySet(others), callOf(call));
        const after = evaluate(new PolicySet([...others, own]), callOf(call));
        const alone = evaluate(new PolicySet([own]), callOf(call));
        // What a rule denies, and what could not be judged, stays denied.
        if (before.effect === 'Deny' && before.code !== 'PolicyConflict') {
          expect(after.effect).toBe('Deny');
        } else if (!passes(before) && passes(after)) {
          expect(after.effect).toBe(alone.effect);
        }
        // And what passed does not pass with less.
        if (passes(before) && passes(after)) {
          expect(strictness(after)).toBeGreaterThanOrEqual(strictness(before));
        }
      }),
      RUNS,
    );
  });

  it('is the same for the same call, however often it is asked for', () => {
    fc.assert(
      fc.property(modelPolicies, fc.array(facts, { minLength: 2 }), (policies, calls) => {
        const set = new PolicySet(policies.map(policyOf));
        const first = calls.map((call) => evaluate(set, callOf(call)));
        expect(calls.map((call) => evaluate(set, callOf(call)))).toEqual(first);
      }),
      { numRuns: 200 },
    );
  });
});

const passes = ({ effect }: Verdict): boolean => effect !== 'None' && effect !== 'Deny';

const strictness = ({ effect }: Verdict): number => EFFECTS.indexOf(effect as PolicyEffect);
