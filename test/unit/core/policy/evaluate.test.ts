import { describe, expect, it } from 'vitest';
import { tcpCallOf } from '../../../../core/policy/call/call.ts';
import { compilePolicy } from '../../../../core/policy/compile.ts';
import { audit, evaluate } from '../../../../core/policy/evaluate.ts';
import type { PolicyCredential, PolicyRule } from '../../../../core/policy/policy.ts';
import { PolicySet, policySetFor } from '../../../../core/policy/policy-set.ts';
import type { Verdict } from '../../../../core/policy/verdict.ts';
import { NOON } from '../../../support/builders.ts';
import {
  aKubernetesRule,
  anHttpRule,
  aPolicy,
  aSetOf,
  compiled,
} from '../../../support/policies.ts';
import { aCall, anAgent, type SentBody } from '../../../support/policy-calls.ts';

const token = (serviceAccountName: string, namespace?: string): PolicyCredential => ({
  type: 'ServiceAccountToken',
  ...(namespace !== undefined && { namespace }),
  serviceAccountToken: { serviceAccountName, audience: 'https://forge.example.com' },
});
const JSON_BODY = 'action.http.body.json';

/** The effect with what refused, and the rules that win. */
function inShort(verdict: Verdict): string {
  if (verdict.effect === 'None') return `None ${verdict.because}`;
  const code = verdict.effect === 'Deny' ? ` ${verdict.code}` : '';
  const winners = verdict.reasons.map(({ policy, rule }) => `${policy}/${rule.name}`);
  return `${verdict.effect}${code} ${winners.join(' ')}`;
}

describe('within one policy the first rule that matches counts', () => {
  it.each<[string, readonly PolicyRule[], string]>([
    ['none', [anHttpRule({ http: { paths: ['/other'] } })], 'None NoRuleMatches'],
    [
      'the first',
      [anHttpRule({ name: 'a' }), anHttpRule({ name: 'b', effect: 'Deny' })],
      'Allow p/a',
    ],
    [
      'the first whose condition holds',
      [
        anHttpRule({ name: 'a', when: "action.http.method == 'GET'" }),
        anHttpRule({ name: 'b', when: "action.http.method == 'POST'" }),
        anHttpRule({ name: 'c', effect: 'Deny' }),
      ],
      'Allow p/b',
    ],
    [
      'of the kind of the call',
      [aKubernetesRule({ name: 'a' }), anHttpRule({ name: 'b' })],
      'Allow p/b',
    ],
  ])('%s', (_name, rules, expected) => {
    expect(inShort(evaluate(aSetOf(aPolicy('p', rules)), aCall()))).toBe(expected);
  });
});

describe('across policies the strictest effect wins', () => {
  it.each<[string, readonly PolicyRule[], string]>([
    ['Allow and nothing', [anHttpRule(), anHttpRule({ http: { paths: ['/x'] } })], 'Allow a/rule'],
    ['Allow and Grant', [anHttpRule(), anHttpRule({ effect: 'Grant' })], 'Grant b/rule'],
    [
      'Grant and Ask',
      [anHttpRule({ effect: 'Ask' }), anHttpRule({ effect: 'Grant' })],
      'Ask a/rule',
    ],
    [
      'Ask and Deny',
      [anHttpRule({ effect: 'Deny' }), anHttpRule({ effect: 'Ask' })],
      'Deny Matched a/rule',
    ],
    [
      'several of the strictest',
      [anHttpRule({ effect: 'Ask' }), anHttpRule(), anHttpRule({ effect: 'Ask' })],
      'Ask a/rule c/rule',
    ],
  ])('%s', (_name, rules, expected) => {
    const policies = rules.map((rule, index) => aPolicy('abc'[index] as string, [rule]));
    expect(inShort(evaluate(aSetOf(...policies), aCall()))).toBe(expected);
    expect(inShort(evaluate(aSetOf(...policies.toReversed()), aCall()))).toBe(expected);
  });
});

it('tells what a rule denies before what could not be judged', () => {
  const set = aSetOf(
    aPolicy('a', [anHttpRule({ when: `${JSON_BODY}.a == 1` })]),
    aPolicy('b', [anHttpRule({ effect: 'Deny' })]),
  );
  expect(inShort(evaluate(set, aCall()))).toBe('Deny Matched b/rule a/rule');
});

describe('what cannot be judged is denied, whatever the effect', () => {
  const dear = JSON.stringify({ list: Array.from({ length: 257 }, () => 0) });
  it.each<[string, string, SentBody, string]>([
    ['an error', `${JSON_BODY}.missing == 1`, { json: '{}' }, 'ConditionFailed'],
    ['too dear', `${JSON_BODY}.list.exists(x, x == 1.0)`, { json: dear }, 'ConditionTooDear'],
    ['not JSON', `${JSON_BODY}.a == 1`, { bytes: 10 }, 'BodyUnreadable'],
    ['not read', `${JSON_BODY}.a == 1`, 'unread', 'BodyUnreadable'],
    ['not read, and only its size', 'action.http.body.size < 10', 'unread', 'BodyUnreadable'],
    ['not read, and only its digest', "action.http.body.sha256 == ''", 'unread', 'BodyUnreadable'],
    [
      'JSON over 64 KiB',
      `has(${JSON_BODY}.a)`,
      { json: JSON.stringify({ a: 'a'.repeat(65_536) }) },
      'BodyUnreadable',
    ],
    [
      'mentioned, though not evaluated',
      `action.http.method == 'GET' && ${JSON_BODY}.a == 1`,
      { bytes: 10 },
      'BodyUnreadable',
    ],
    ['no body, and a member of it', `${JSON_BODY}.a == 1`, 'none', 'ConditionFailed'],
  ])('%s', (_name, when, body, code) => {
    for (const effect of ['Allow', 'Grant', 'Ask', 'Deny'] as const) {
      const rules = [anHttpRule({ name: 'a', when, effect }), anHttpRule({ name: 'b' })];
      const verdict = evaluate(aSetOf(aPolicy('p', rules)), aCall({ body }));
      expect(inShort(verdict)).toBe(`Deny ${code} p/a`);
      expect(verdict.effect === 'Deny' && verdict.reasons[0].detail).toMatch(/^The rule.*\.$/);
    }
  });

  it.each<[string, string, SentBody]>([
    ['the size of what is no JSON', 'action.http.body.size == 10', { bytes: 10 }],
    ['that there is no body', `!has(${JSON_BODY}) && action.http.body.size == 0`, 'none'],
  ])('but not %s', (_name, when, body) => {
    const set = aSetOf(aPolicy('p', [anHttpRule({ when })]));
    expect(inShort(evaluate(set, aCall({ body })))).toBe('Allow p/rule');
  });

  it('bounds what all conditions on one call cost together', () => {
    const when = `${JSON_BODY}.list.exists(x, ${Array(10).fill('x == 1.0').join(' || ')})`;
    const json = JSON.stringify({ list: Array.from({ length: 250 }, () => 0) });
    const rules = Array.from({ length: 64 }, (_, n) => anHttpRule({ name: `r${n}`, when }));
    const set = aSetOf(aPolicy('p', rules));
    expect(inShort(evaluate(set, aCall({ body: { json } })))).toMatch(/^Deny ConditionTooDear/);
  });
});

describe('what restricts is not slipped past by another spelling', () => {
  const url = 'https://forge.example.com/repos/acme/shop/pulls/7/Merge/';
  const merge = { paths: ['/repos/*/*/pulls/*/merge'] };
  it.each<[string, PolicyRule, string]>([
    ['Deny', anHttpRule({ name: 'a', effect: 'Deny', http: merge }), 'Deny Matched p/a'],
    ['Ask', anHttpRule({ name: 'a', effect: 'Ask', http: merge }), 'Deny LooksAlike p/a'],
    ['Grant', anHttpRule({ name: 'a', effect: 'Grant', http: merge }), 'Allow p/b'],
  ])('%s', (_name, rule, expected) => {
    const set = aSetOf(aPolicy('p', [rule, anHttpRule({ name: 'b' })]));
    expect(inShort(evaluate(set, aCall({ url })))).toBe(expected);
  });
});

describe('credentials', () => {
  const asks = (...credentials: (PolicyCredential | undefined)[]) =>
    aSetOf(
      ...credentials.map((credential, index) =>
        aPolicy('abc'[index] as string, [
          anHttpRule({ effect: 'Ask', ...(credential && { credential }) }),
        ]),
      ),
    );

  it('that differ are a conflict', () => {
    const verdict = evaluate(asks(token('one'), token('two')), aCall());
    expect(inShort(verdict)).toBe('Deny PolicyConflict a/rule b/rule');
  });

  it('that are the same in other words are none', () => {
    const verdict = evaluate(asks(token('one'), token('one', 'dev'), undefined), aCall());
    expect(verdict).toMatchObject({ effect: 'Ask', credential: { namespace: 'dev' } });
  });

  it('of rules that do not win are not looked at', () => {
    const set = aSetOf(
      aPolicy('a', [anHttpRule({ effect: 'Ask', credential: token('one') })]),
      aPolicy('b', [anHttpRule({ effect: 'Grant', credential: token('two') })]),
    );
    expect(inShort(evaluate(set, aCall()))).toBe('Ask a/rule');
  });

  it("of the agent's own pass only where none is lent", () => {
    const passing = aPolicy('a', [anHttpRule({ passHeaders: ['x-key', 'authorization'] })]);
    const more = aPolicy('b', [anHttpRule({ passHeaders: ['x-key'] })]);
    const lending = aPolicy('c', [
      anHttpRule({ credential: { type: 'Issuer', issuer: { name: 'key' } } }),
    ]);
    expect(evaluate(aSetOf(passing, more), aCall())).toMatchObject({
      passHeaders: ['authorization', 'x-key'],
    });
    expect(evaluate(aSetOf(passing, lending), aCall())).toMatchObject({ passHeaders: [] });
  });
});

it('asks every question, in the shortest time and with everything redacted', () => {
  const ask = { approvals: 2, holdSeconds: 50, decisionDeadlineSeconds: 3600 };
  const set = aSetOf(
    aPolicy('a', [anHttpRule({ effect: 'Ask' })]),
    aPolicy('b', [
      anHttpRule({ effect: 'Ask', ask: { ...ask, holdSeconds: 10, redact: ['/b'], bot: 'ci' } }),
    ]),
    aPolicy('c', [
      anHttpRule({
        effect: 'Ask',
        ask: { ...ask, decisionDeadlineSeconds: 60, redact: ['/b', '/a'], opaque: true },
      }),
    ]),
  );
  expect(evaluate(set, aCall())).toMatchObject({
    questions: [
      { policy: 'a', rule: 'rule', approvals: 1 },
      { policy: 'b', rule: 'rule', approvals: 2, bot: 'ci' },
      { policy: 'c', rule: 'rule', approvals: 2 },
    ],
    terms: {
      holdSeconds: 10,
      decisionDeadlineSeconds: 60,
      redact: ['/a', '/b'],
      opaque: false,
    },
  });
});

it('charges every budget', () => {
  const budget = { uses: 3, periodSeconds: 60 };
  const set = aSetOf(
    aPolicy('a', [anHttpRule({ effect: 'Grant' })]),
    aPolicy('b', [anHttpRule({ effect: 'Grant', budget })]),
  );
  expect(evaluate(set, aCall())).toMatchObject({
    charges: [{ policy: 'a' }, { policy: 'b', rule: 'rule', budget }],
  });
});

describe('a policy that is not acceptable', () => {
  const { policy: broken } = compilePolicy(aPolicy('broken', [anHttpRule({ when: '1' })]));

  it('leaves nothing but what a person granted', () => {
    const set = new PolicySet([compiled(aPolicy('a', [anHttpRule()])), broken]);
    expect(evaluate(set, aCall())).toEqual({
      effect: 'None',
      because: 'PolicyNotAccepted',
      policies: ['broken'],
    });
  });

  it('does not lift a Deny', () => {
    const set = new PolicySet([compiled(aPolicy('a', [anHttpRule({ effect: 'Deny' })])), broken]);
    expect(inShort(evaluate(set, aCall()))).toBe('Deny Matched a/rule');
  });

  it('does nothing where it is only tried', () => {
    const set = new PolicySet([
      compiled(aPolicy('a', [anHttpRule()])),
      { ...broken, mode: 'Audit' },
    ]);
    expect(inShort(evaluate(set, aCall()))).toBe('Allow a/rule');
  });
});

it('a policy that is only tried has no effect, and says what it would have been', () => {
  const set = aSetOf(
    aPolicy('a', [anHttpRule()]),
    aPolicy('b', [anHttpRule({ effect: 'Deny' })], { mode: 'Audit' }),
  );
  expect(inShort(evaluate(set, aCall()))).toBe('Allow a/rule');
  expect(audit(set, aCall())).toMatchObject([{ policy: 'b', effect: 'Deny', code: 'Matched' }]);
});

it('a connection that is no HTTP needs a tcp rule', () => {
  const set = aSetOf(
    aPolicy('a', [
      anHttpRule({ name: 'http', http: { hosts: ['*'], ports: [5432] } }),
      { name: 'db', tcp: { hosts: ['db.example.com'], ports: [5432] }, effect: 'Allow' },
    ]),
  );
  const call = (host: string, port: number) => tcpCallOf(host, port, anAgent(), new Date(NOON));
  expect(inShort(evaluate(set, call('db.example.com', 5432)))).toBe('Allow a/db');
  expect(inShort(evaluate(set, call('db.example.com', 5433)))).toBe('None NoRuleMatches');
  expect(inShort(evaluate(set, call('other.example.com', 5432)))).toBe('None NoRuleMatches');
});

describe('a policy is for the agents that it selects', () => {
  const team = (...values: string[]) => ({ key: 'team', values });
  it.each([
    [{ namespaceSelector: { matchLabels: { team: 'shop' } } }, true],
    [{ namespaceSelector: { matchLabels: { team: 'soc' } } }, false],
    [{ namespaceSelector: { matchLabels: { team: 'shop', tier: '1' } } }, false],
    [
      { namespaceSelector: { matchExpressions: [{ ...team('soc', 'shop'), operator: 'In' }] } },
      true,
    ],
    [{ namespaceSelector: { matchExpressions: [{ ...team('shop'), operator: 'NotIn' }] } }, false],
    [
      {
        namespaceSelector: {
          matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['1'] }],
        },
      },
      true,
    ],
    [{ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] } }, true],
    [
      { namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] } },
      false,
    ],
    [
      {
        namespaceSelector: { matchLabels: { team: 'shop' } },
        serviceAccountNames: ['coder', 'other'],
      },
      true,
    ],
    [{ namespaceSelector: { matchLabels: { team: 'shop' } }, serviceAccountNames: ['a'] }, false],
  ] as const)('%j: %s', (agents, isSelected) => {
    const policy = compiled(aPolicy('p', [anHttpRule()], { agents }));
    expect(policySetFor(anAgent(), [policy]).policies).toHaveLength(isSelected ? 1 : 0);
  });
});
