import { describe, expect, it } from 'vitest';
import { compileCondition } from '../../../../../core/policy/condition/compile-condition.ts';
import type { Condition } from '../../../../../core/policy/condition/condition.ts';
import type { ConditionKind } from '../../../../../core/policy/condition/environment.ts';
import { variablesOf } from '../../../../../core/policy/condition/variables.ts';
import { aCall, aKubernetesCall } from '../../../../support/policy-calls.ts';

const JSON_BODY = 'action.http.body.json';

function condition(source: string, kind: ConditionKind = 'http'): Condition {
  const { condition: made, error } = compileCondition(kind, source);
  if (made === undefined) throw new Error(`${error.at.line}:${error.at.column} ${error.reason}`);
  return made;
}

/** In words: true, false, or the reason why neither. */
function result(source: string, call: Parameters<typeof aCall>[0] = {}): string {
  const outcome = condition(source).evaluate(variablesOf(aCall(call)));
  return outcome.ok ? String(outcome.value) : `${outcome.reason}: ${outcome.message}`;
}

describe('an expression is refused with line and column when the policy is written', () => {
  it.each([
    ['a field that there is not', "action.htp.method == 'x'", 1, 8, /No such key: htp/],
    ['on another line', "true &&\n  action.http.metod == 'x'", 2, 15, /No such key: metod/],
    ['inside of has()', 'has(action.http.body.jsn.x)', 1, 22, /No such key: jsn/],
    ['another kind of rule', "action.kubernetes.verb == 'get'", 1, 8, /No such key: kubernetes/],
    ['a variable that there is not', 'request.path == "/"', 1, 1, /Unknown variable/],
    ['no syntax', "action.http.method = 'x'", 1, 20, /does not compile/],
    ['neither true nor false', 'action.http.path', 1, 1, /is of type string/],
    ['perhaps neither true nor false', `${JSON_BODY}.ok`, 1, 1, /is of type dyn/],
    ['a comparison that has no sense', "action.http.port == '443'", 1, 1, /no such overload/],
    ['matches()', "action.http.path.matches('^/a')", 1, 1, /matches\(\), which is not/],
    [
      'a function that is not in the list',
      "base64.decode('YQ==') == b'a'",
      1,
      1,
      /does not compile/,
    ],
    [
      'replace()',
      "action.http.path.replace('a', 'b') == ''",
      1,
      1,
      /does not compile|not available/,
    ],
    [
      'comprehensions that nest',
      `${JSON_BODY}.a.exists(x, ${JSON_BODY}.b.exists(y, x == y))`,
      1,
      35,
      /inside of another/,
    ],
    ['a variable that hides one of ours', `${JSON_BODY}.a.all(action, true)`, 1, 29, /name action/],
    ['bind that hides one of ours', 'cel.bind(agent, 1, agent == 1)', 1, 10, /name agent/],
    ['bytes', "b'a' == b'a'", 1, 1, /literal that is not available/],
    ['uint', '1u == 1u', 1, 1, /literal that is not available/],
    ['keys that are no strings', "{1: 'a'}[1] == 'a'", 1, 2, /literal that is not available/],
    ['more than 4 KiB', `${' '.repeat(4096)}true`, 1, 1, /longer than 4096 bytes/],
    ['more than 4 KiB in UTF-8', `'${'é'.repeat(2048)}' == ''`, 1, 1, /longer than 4096 bytes/],
    ['too many parts', Array(300).fill('true').join(' && '), 1, 1705, /more than 512 parts/],
    ['too deep', `${'('.repeat(50)}true${')'.repeat(50)}`, 1, 33, /does not compile/],
    ['too deep for the stack', `${'!'.repeat(4000)}true`, 1, 3001, /does not compile/],
  ])('%s', (_name, source, line, column, reason) => {
    const { error } = compileCondition('http', source);
    expect(error?.reason).toMatch(reason);
    expect(error?.at).toEqual({ line, column });
    expect(error?.wayOut).not.toBe('');
  });
});

describe('a condition is evaluated on the canonical Action', () => {
  it.each([
    ["action.http.method == 'POST' && action.http.scheme == 'https'", 'true'],
    ["action.http.host == 'forge.example.com' && action.http.port == 443", 'true'],
    ["action.http.path == '/repos/acme/shop/pulls'", 'true'],
    ["action.http.segments == ['repos', 'acme', 'shop', 'pulls']", 'true'],
    ["'x-dry-run' in action.http.headers", 'false'],
    ["action.http.headers['if-match'] == '\"1\"'", 'true'],
    ["action.http.query['draft'] == ['1', '2'] && action.http.query['a b'][0] == 'é'", 'true'],
    [`${JSON_BODY}.base == 'main' && size(${JSON_BODY}.labels) == 2`, 'true'],
    [`${JSON_BODY}.labels.exists(l, l.startsWith('b'))`, 'true'],
    [`${JSON_BODY}.labels.all(l, l in ['bug', 'ui'])`, 'true'],
    [`${JSON_BODY}.labels.filter(l, l == 'ui').size() == 1`, 'true'],
    [`${JSON_BODY}.labels.map(l, l.upperAscii()).join('+') == 'BUG+UI'`, 'true'],
    [`has(${JSON_BODY}.head) || ${JSON_BODY}.count == 3`, 'true'],
    [`${JSON_BODY}['constructor'] == 'x' && ${JSON_BODY}.__proto__ == 'y'`, 'true'],
    [`${JSON_BODY}.nothing == null`, 'true'],
    ['action.http.body.size == 140 && action.http.body.sha256.size() == 64', 'true'],
    ["agent.namespace == 'dev' && agent.namespaceLabels['team'] == 'shop'", 'true'],
    ["agent.serviceAccountName == 'coder' && agent.podName.startsWith('coder-')", 'true'],
    ["now < timestamp('2026-01-02T12:00:01Z') && now.getDayOfWeek() == 5", 'true'],
    ["now - timestamp('2026-01-02T11:00:00Z') > duration('59m')", 'true'],
    [`cel.bind(j, ${JSON_BODY}, j.base == 'main' ? j.count == 3 : false)`, 'true'],
    ["'\u212a'.lowerAscii() == 'k'", 'false'],
    // One operand that decides is enough, on either side.
    [`${JSON_BODY}.missing == 1 || action.http.method == 'POST'`, 'true'],
    [`action.http.method == 'GET' && ${JSON_BODY}.missing == 1`, 'false'],
    [`${JSON_BODY}.missing == 1 && action.http.method == 'GET'`, 'false'],
  ])('%s', (source, expected) => {
    const json =
      '{"base":"main","labels":["bug","ui"],"count":3,"constructor":"x","__proto__":"y","nothing":null,"padding":"0123456789012345678901234567890"}';
    const call = {
      url: 'https://forge.example.com/repos/acme/%73hop/pulls?draft=1&draft=2&a+b=%C3%A9',
      headers: { 'if-match': '"1"' },
      body: { json },
    };
    expect(result(source, call)).toBe(expected);
  });

  it.each([
    ["action.kubernetes.verb == 'get' && action.kubernetes.resource == 'pods'", 'true'],
    ["action.kubernetes.namespace == agent.namespace && action.kubernetes.name == 'web-1'", 'true'],
    ["action.kubernetes.patchType == '' && size(action.kubernetes.queryParameters) == 0", 'true'],
  ])('%s', (source, expected) => {
    const outcome = condition(source, 'kubernetes').evaluate(variablesOf(aKubernetesCall()));
    expect(outcome.ok && String(outcome.value)).toBe(expected);
  });
});

describe('what cannot be evaluated is neither true nor false', () => {
  it.each([
    [`${JSON_BODY}.missing == 1`, 'error: no_such_key at line 1, column 23'],
    [`${JSON_BODY}.text + 1 == 2`, /^error: no_such_overload/],
    [`${JSON_BODY}.text || false`, 'error: wrong_type'],
    [`!${JSON_BODY}.text`, 'error: wrong_type'],
    [`${JSON_BODY}.text ? true : false`, 'error: wrong_type'],
    [`${JSON_BODY}.list.exists(x, x)`, 'error: wrong_type'],
    [`timestamp(${JSON_BODY}.text) < now`, 'error: out_of_range'],
    [`int(${JSON_BODY}.far) > 0`, 'error: out_of_range'],
    [`int(${JSON_BODY}.digits) > 0`, 'error: too_long'],
    [`${JSON_BODY}.deep == 1.0`, 'error: nested_too_deep'],
    ["action.http.headers['x'] == 'y'", /^error: no_such_key/],
  ])('%s', (source, expected) => {
    const digits = '1'.repeat(100);
    const json = `{"text":"Jan 1 2026 00:00:00 now","list":["a"],"far":1e30,"digits":"${digits}","deep":[[[[[[[[1]]]]]]]]}`;
    if (typeof expected === 'string') expect(result(source, { body: { json } })).toBe(expected);
    else expect(result(source, { body: { json } })).toMatch(expected);
  });

  it('says nothing of what the agent sent', () => {
    const secret = 'correct-horse-battery';
    const body = { json: JSON.stringify({ password: secret }) };
    for (const source of [
      `bool(${JSON_BODY}.password)`,
      `duration(${JSON_BODY}.password) == duration('1s')`,
      `${JSON_BODY}[${JSON_BODY}.password] == 1`,
    ]) {
      expect(result(source, { body })).toMatch(/^error: /);
      expect(result(source, { body })).not.toContain(secret);
    }
  });
});

describe('fuel is sticky', () => {
  const list = JSON.stringify({ list: Array.from({ length: 257 }, (_, n) => n) });

  it.each([
    `${JSON_BODY}.list.exists(x, x == 1.0)`,
    `${JSON_BODY}.list.exists(x, x == 1.0) || true`,
    `true && (${JSON_BODY}.list.all(x, x == 1.0) || true)`,
    `!(${JSON_BODY}.list.exists(x, x == 1.0) && false)`,
  ])('%s', (source) => {
    expect(result(source, { body: { json: list } })).toBe('fuel: it costs too much on this call');
  });

  it('is not burnt by what is not evaluated', () => {
    expect(result(`true || ${JSON_BODY}.list.exists(x, x == 1.0)`, { body: { json: list } })).toBe(
      'true',
    );
  });

  it('is no more than what the call has left', () => {
    const evaluated = condition("action.http.method == 'POST'").evaluate(variablesOf(aCall()), 0);
    expect(evaluated).toMatchObject({ ok: false, reason: 'fuel' });
  });
});

describe('an expression mentions the parts of the body that it may read', () => {
  it.each([
    ["action.http.method == 'x'", []],
    [`${JSON_BODY}.a == 1`, ['json']],
    ["action.http['bo' + 'dy'].json == 1", ['json', 'size', 'sha256']],
    ["action['http']['body']['json'].a == 1", ['json']],
    [`has(${JSON_BODY})`, ['json']],
    [`has(${JSON_BODY}.a.b)`, ['json']],
    ['action.http.body.size > 3', ['size']],
    ["action.http.body.sha256 == ''", ['sha256']],
    ['cel.bind(h, action.http, h.body.json.a == 1)', ['json', 'size', 'sha256']],
    ['cel.bind(b, action.http.body, b.json.a == 1)', ['json', 'size', 'sha256']],
    ['[action.http].exists(h, h.body.json.a == 1)', ['json', 'size', 'sha256']],
    ['dyn(action).http.body.size > 2', ['json', 'size', 'sha256']],
    ['(true ? action.http : action.http).body.json == 1', ['json', 'size', 'sha256']],
    [`action.http.headers[${JSON_BODY}.a] == 'x'`, ['json']],
    ["agent.podName == 'body'", []],
  ] as const)('%s', (source, expected) => {
    const { condition: made } = compileCondition('http', source);
    expect([...(made?.mentions ?? ['none'])].sort()).toEqual([...expected].sort());
  });
});

it('knows what it always is', () => {
  expect(condition('1 == 2').constant).toBe(false);
  expect(condition("['a'].exists(x, x == 'a')").constant).toBe(true);
  expect(condition('now == now').constant).toBeUndefined();
  expect(condition("'a'.substring(5) == ''").constant).toBeUndefined();
});
