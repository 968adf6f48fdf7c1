/**
 * What it costs to judge a call by many policies: the whole of what a sidecar does between describing a call and forwarding it, from
 * the Action and the parsed body to the verdict.
 */

import { callOf } from '../../core/policy/call/call.ts';
import { evaluate } from '../../core/policy/evaluate.ts';
import type { PolicyRule } from '../../core/policy/policy.ts';
import type { PolicySet } from '../../core/policy/policy-set.ts';
import { canonicalJson, type JsonValue, parseStrictJson } from '../../core/text/json.ts';
import { sha256Hex } from '../../core/text/sha256.ts';
import { NOON } from '../support/builders.ts';
import { anHttpRule, aPolicy, aSetOf } from '../support/policies.ts';
import { anAgent } from '../support/policy-calls.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { median, quantile } from './statistics.ts';

const POLICIES = 20;
const RULES = 64;
const HOSTS_PER_POLICY = 16;
const BODY_BYTES = 4096;
/** Short ones: other programs stall a few of them, and not the middle one. */
const BATCHES = 100;
const WARM_UP = 10;
const CALLS_PER_BATCH = 400;
/** Each of these takes twenty times as long. */
const WORST_PER_BATCH = 20;

export const policyEvaluate: Benchmark = {
  name: 'policy-evaluate',
  async run(_environment, say) {
    const usual = measured(usualPolicies(), CALLS_PER_BATCH);
    const worst = measured(worstPolicies(), WORST_PER_BATCH);
    say(`as policies are: p50 ${usual.p50.toFixed(1)} µs, p99 ${usual.p99.toFixed(1)} µs`);
    say(`every rule for this very call: p50 ${worst.p50.toFixed(0)} µs`);
    const size = `${POLICIES} policies of ${RULES} rules`;
    const figures: Figure[] = [
      { key: 'policy_evaluate_p50_us', value: usual.p50, meaning: `judged by ${size}` },
      {
        key: 'policy_evaluate_p99_us',
        value: usual.p99,
        meaning: `judged by ${size}`,
        goal: { atMost: 50 },
      },
      {
        key: 'policy_evaluate_worst_p50_us',
        value: worst.p50,
        meaning: 'each of their conditions evaluated',
      },
    ];
    return figures;
  },
};

/**
 * Each names some hosts, with a few rules for each: half of the rules have a condition, half of these on the body. One host is in all
 * of them, and it is called.
 */
function usualPolicies(): PolicySet {
  return aSetOf(
    ...Array.from({ length: POLICIES }, (_, policy) =>
      aPolicy(
        `policy-${policy}`,
        Array.from({ length: RULES }, (_, index) => {
          const host = index % HOSTS_PER_POLICY;
          const name = host === 7 ? 'api.example.com' : `host-${policy}-${host}.example.com`;
          const turn = Math.floor(index / HOSTS_PER_POLICY);
          return ruleFor(name, index, turn);
        }),
      ),
    ),
  );
}

function ruleFor(host: string, index: number, turn: number): PolicyRule {
  const http = { hosts: [host], methods: ['POST'] };
  switch (turn) {
    case 0:
      return anHttpRule({
        name: `deny-${index}`,
        effect: 'Deny',
        http: { ...http, methods: ['*'], paths: ['/repos/*/*/pulls/*/merge', '/admin/**'] },
      });
    case 1:
      return anHttpRule({
        name: `main-${index}`,
        effect: 'Ask',
        http: { ...http, paths: ['/repos/acme/*/pulls'] },
        when: "action.http.body.json.base == 'main'",
      });
    case 2:
      return anHttpRule({
        name: `draft-${index}`,
        http: { ...http, paths: ['/repos/acme/*/pulls'] },
        when: "action.http.path.startsWith('/repos/acme/') && agent.namespaceLabels['team'] == 'shop'",
      });
    default:
      return anHttpRule({ name: `rest-${index}`, http: { ...http, paths: ['/repos/**'] } });
  }
}

/** Whatever can be evaluated is: no policy is like that, but one may be written. */
function worstPolicies(): PolicySet {
  return aSetOf(
    ...Array.from({ length: POLICIES }, (_, policy) =>
      aPolicy(
        `policy-${policy}`,
        Array.from({ length: RULES }, (_, index) =>
          anHttpRule({
            name: `rule-${index}`,
            http: {
              hosts: ['api.example.com'],
              methods: ['POST'],
              paths: [index % 2 === 0 ? '/repos/acme/*/pulls' : `/repos/acme/*/issues/${index}`],
            },
            ...(index % 2 === 0 && { when: `action.http.body.json.base == 'branch-${index}'` }),
          }),
        ),
      ),
    ),
  );
}

/** Microseconds. Of the batches the middle one: a stall of the machine is not ours. */
function measured(policies: PolicySet, perBatch: number): { p50: number; p99: number } {
  const json = body();
  const text = canonicalJson(json);
  const agent = anAgent();
  const batches: number[][] = Array.from({ length: WARM_UP + BATCHES }, () => []);
  for (let round = 0; round < (WARM_UP + BATCHES) * perBatch; round++) {
    const facts = { kind: 'bytes', sha256: sha256Hex(text) } as const;
    const url = `https://api.example.com/repos/acme/shop-${round % 50}/pulls`;
    const start = performance.now();
    const call = callOf(
      { type: 'HTTP', method: 'POST', url, headers: {}, body: facts },
      { bytes: text.length, json },
      agent,
      new Date(NOON),
    );
    const { effect } = evaluate(policies, call);
    const time = performance.now() - start;
    if (effect === 'Deny') throw new Error('a call was denied that no rule denies');
    batches[Math.floor(round / perBatch)]?.push(1000 * time);
  }
  // The first ones are for the compiler.
  const used = batches.slice(WARM_UP);
  return { p50: median(used.flat()), p99: median(used.map((times) => quantile(times, 0.99))) };
}

/** A pull request, as long as the goal has it. */
function body(): JsonValue {
  const request = {
    title: 'Mend the basket',
    base: 'next',
    head: 'mend-basket',
    labels: Array.from({ length: 20 }, (_, n) => ({ name: `label-${n}`, color: 'ededed' })),
    reviewers: Array.from({ length: 20 }, (_, n) => `reviewer-${n}`),
    body: '',
  };
  const text = JSON.stringify(request);
  const filled = { ...request, body: 'a'.repeat(BODY_BYTES - text.length) };
  return parseStrictJson(JSON.stringify(filled));
}
