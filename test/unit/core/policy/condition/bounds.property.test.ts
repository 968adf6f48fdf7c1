/** No expression that is admitted holds the process longer than its fuel, whatever the agent sends. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCondition } from '../../../../../core/policy/condition/compile-condition.ts';
import type { Condition } from '../../../../../core/policy/condition/condition.ts';
import { EXPRESSION_FUEL } from '../../../../../core/policy/condition/limits.ts';
import { type Variables, variablesOf } from '../../../../../core/policy/condition/variables.ts';
import { aCall } from '../../../../support/policy-calls.ts';

const J = 'action.http.body.json';
const MAX_BODY = 64 * 1024;
/** What is promised of every expression. */
const MOST_MILLISECONDS = 50;

function condition(source: string): Condition {
  const { condition: made, error } = compileCondition('http', source);
  if (made === undefined) throw new Error(error.reason);
  return made;
}

const variables = (json: string): Variables => variablesOf(aCall({ body: { json } }));

/** Of processor time; the best of three, since a collection of garbage is nobody's fault. */
function milliseconds(made: Condition, json: string): number {
  const times = [1, 2, 3].map(() => {
    const seen = variables(json);
    const before = process.threadCpuUsage();
    made.evaluate(seen);
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

const count = (length: number) => Array.from({ length }, (_, n) => n);
const long = (length: number) => 'a'.repeat(length);
const every = (body: string) => `${J}.k.exists(x, ${body})`;
const times = (length: number, part: string, by: string) => Array(length).fill(part).join(by);

/** Variables that each hold sixteen of the one before. */
function grown(depth: number, use: string): string {
  const sums = count(depth).map((n) => times(16, `v${n}`, ' + '));
  return sums.reduceRight((inner, sum, n) => `cel.bind(v${n + 1}, ${sum}, ${inner})`, use);
}

describe('what holds engines for seconds is cut off', () => {
  const words = { k: Array(256).fill('s') };
  const numbers = { k: count(256), a: count(5000), b: [...count(4999), -1] };
  it.each<[string, string, unknown]>([
    ['operands of || that are not bool', every(times(90, 'x', ' || ')), words],
    ['operands of && that are not bool', every(times(90, 'x', ' && ')), words],
    ['quoting a long source', every(times(60, 'x.a', `${' '.repeat(40)}|| `)), words],
    ['missing members', every(times(60, "x.a.b == 'c'", ' || ')), words],
    ['conditions of ?:', every(times(40, '(x ? true : false)', ' || ')), words],
    ['members that are asked for', every(times(60, 'has(x.a.b)', ' || ')), words],
    ['literal lists', every(`[${count(150).join()}] == [${count(150).join()}]`), words],
    [
      'literal maps',
      every(
        `{${count(60)
          .map((n) => `'k${n}': x`)
          .join()}} == {'a': 's'}`,
      ),
      words,
    ],
    ['equal lists', every(`${J}.a == ${J}.b`), numbers],
    ['equal lists in maps', every(`{'a': ${J}.a} == {'a': ${J}.b}`), numbers],
    ['equal lists in lists', every(`[[${J}.a]] == [[${J}.b]]`), numbers],
    [
      'members of a list',
      every(`x in ${J}.a`),
      { k: count(256).map((n) => -n - 1), a: count(9000) },
    ],
    ['lists that are added up', `size(${times(60, `${J}.a`, ' + ')}) == 3`, numbers],
    ['sizes of texts', every(`${J}.s.size() == 5`), { k: count(256), s: 'é'.repeat(30_000) }],
    [
      'a needle that almost fits',
      `${J}.s.contains(${J}.t)`,
      { s: long(40_000), t: `b${long(20_000)}` },
    ],
    [
      'many needles',
      every(`${J}.s.contains(x)`),
      { k: Array(200).fill(`${long(120)}b`), s: long(40_000) },
    ],
    ['a text for each character', `${J}.s.split('').join(${J}.s) == ''`, { s: long(65_000) }],
    [
      'splitting again and again',
      every(`size(${J}.s.split('')) == 1`),
      { k: count(256), s: long(60_000) },
    ],
    ['adding texts', every(`${J}.s + ${J}.s == ''`), { k: count(256), s: long(30_000) }],
    [
      'folding letters',
      every(`${J}.s.upperAscii() == ''`),
      { k: count(256), s: 'aA'.repeat(30_000) },
    ],
    ['time zones', every("now.getHours('America/New_York') == 99"), numbers],
    ['times', every(`timestamp(${J}.t) == now`), { k: count(256), t: '2026-01-01T00:00:00Z' }],
    [
      'durations',
      every(`duration(${J}.t) == duration('1s')`),
      { k: count(256), t: '1h'.repeat(30) },
    ],
    [
      'numbers as texts',
      every(`${times(20, 'string(x)', ' + ')} == ''`),
      { k: count(256).map((n) => n / 7) },
    ],
    ['texts that grow', `cel.bind(v0, ${J}.s, ${grown(7, "v7 == ''")})`, { s: 'a' }],
    ['lists that grow', `cel.bind(v0, ${J}.s, ${grown(7, 'size(v7) == 3')})`, { s: [1] }],
  ])('%s', (_name, source, body) => {
    const made = condition(source);
    const json = JSON.stringify(body);
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(MAX_BODY);
    expect(made.evaluate(variables(json)).fuel).toBeLessThanOrEqual(EXPRESSION_FUEL);
    expect(milliseconds(made, json)).toBeLessThan(MOST_MILLISECONDS);
  });
});

it.each([
  `${J}.a == ${J}.b`,
  `[[${J}.a]] == [[${J}.b]]`,
  `{'a': {'b': ${J}.a}} == {'a': {'b': ${J}.b}}`,
  `[${J}.a] in [[${J}.b]]`,
])('whatever is around it, what is compared is paid for: %s', (body) => {
  const json = JSON.stringify({ k: count(256), a: count(5000), b: [...count(4999), -1] });
  expect(condition(every(body)).evaluate(variables(json))).toMatchObject({ reason: 'fuel' });
});

describe('the engine remembers no type that the agent thought up', () => {
  /** Each number is another type: lists and maps in each other, in another order. */
  function nested(pattern: number): unknown {
    let value: unknown = 1;
    for (let level = 0; level < 40; level++) {
      value = (pattern >> (level % 16)) & 1 ? [value] : { a: value };
    }
    return value;
  }

  it.each([
    `${J}.x == 1.0`,
    `${J}.x in [1.0]`,
    `'a' in ${J}.x`,
    `size(${J}.x) == 1`,
    `string(${J}.x) == 'a'`,
    `${J}.x.startsWith('a')`,
    `${J}.x || true`,
    `!${J}.x`,
    `-${J}.x == 1.0`,
    `${J}.x ? true : false`,
    `[${J}.x].exists(i, i)`,
    `[${J}.x].exists_one(i, i)`,
    `size([${J}.x].filter(i, i)) == 1`,
    `size([${J}.x].map(i, i, i)) == 1`,
    `{'a': ${J}.x} == {'a': 1.0}`,
    `cel.bind(i, ${J}.x, i == 1.0)`,
    `${J}.x.y == 1`,
    `${J}.x[0] == 1`,
  ])('%s', (source) => {
    const made = condition(source);
    for (const pattern of [0b0, 0b1, 0b10, 0b1010_1010, 0xbeef]) {
      const outcome = made.evaluate(variables(JSON.stringify({ x: nested(pattern) })));
      // Refused before the engine names a type, or decided without one.
      if (!outcome.ok) {
        expect(outcome.message).toMatch(/^(nested_too_deep|wrong_type|no_such_key)/);
      }
    }
  });
});

/** An expression that the checker may accept, from what it makes of a body. */
const expression = fc.letrec<{
  text: string;
  number: string;
  list: string;
  bool: string;
  inLoop: string;
}>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(`${J}.s`, `${J}.t`, "'ab'", 'action.http.path'),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} + ${b})`),
    tie('text').map((a) => `${a}.lowerAscii()`),
    fc.tuple(tie('list'), tie('text')).map(([a, b]) => `${a}.join(${b})`),
    tie('number').map((a) => `string(${a})`),
    tie('text').map((a) => `${a}.substring(1)`),
    fc.tuple(tie('bool'), tie('text'), tie('text')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
  number: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('1.0', `${J}.n`),
    tie('text').map((a) => `double(${a}.size())`),
    tie('list').map((a) => `double(${a}.size())`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `double(${a}.indexOf(${b}))`),
  ),
  list: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(`${J}.l`, `${J}.m`, '["a", "b"]'),
    fc.tuple(tie('text'), fc.constantFrom("''", "'a'")).map(([a, b]) => `${a}.split(${b})`),
    fc.tuple(tie('list'), tie('list')).map(([a, b]) => `(${a} + ${b})`),
    fc.tuple(tie('list'), tie('inLoop')).map(([a, b]) => `${a}.filter(x, ${b})`),
    tie('list').map((a) => `${a}.map(x, x + x)`),
  ),
  inLoop: fc.oneof(
    fc.constantFrom("x == 'a'", `x.contains(${J}.t)`, `${J}.s.contains(x)`, `x in ${J}.l`),
    fc.constantFrom('x', `x == ${J}.s`, 'x.y.z == x', `${J}.l == ${J}.m`, `${J}.o == ${J}.p`),
    fc.tuple(tie('inLoop'), tie('inLoop')).map(([a, b]) => `(${a} || ${b})`),
    fc.tuple(tie('inLoop'), tie('inLoop')).map(([a, b]) => `(${a} && ${b})`),
  ),
  bool: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(`${J}.b == true`, `has(${J}.q)`, `${J}.o == ${J}.p`, `${J}.b`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a} == ${b}`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `${a}.contains(${b})`),
    fc.tuple(tie('text'), tie('list')).map(([a, b]) => `${a} in ${b}`),
    fc.tuple(tie('list'), tie('list')).map(([a, b]) => `${a} == ${b}`),
    fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a} && ${b})`),
    fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a} || ${b})`),
    tie('bool').map((a) => `!(${a})`),
    fc
      .tuple(tie('list'), fc.constantFrom('exists', 'all', 'exists_one'), tie('inLoop'))
      .map(([a, name, b]) => `${a}.${name}(x, ${b})`),
  ),
})).bool;

const size = fc.constantFrom(1, 50, 4000, 20_000);
const hostile = fc
  .record({ s: size, t: size, l: size, m: fc.constantFrom(1, 200, 256, 257), o: size })
  .map(({ s, t, l, m, o }) =>
    JSON.stringify({
      s: long(s),
      t: `${long(t >> 1)}b${long(t >> 2)}`,
      l: Array(Math.min(l, 4000)).fill('a'),
      m: Array(m).fill(long(50)),
      n: 1,
      b: true,
      o: Array(Math.min(o, 500)).fill({ a: 1 }),
      p: Array(Math.min(o, 500)).fill({ a: 1 }),
    }),
  );

describe('whatever is admitted', () => {
  it('uses no more than its fuel, and ends in time', () => {
    let admitted = 0;
    fc.assert(
      fc.property(expression, hostile, (source, json) => {
        const { condition: made } = compileCondition('http', source);
        if (made === undefined) return;
        admitted++;
        const outcome = made.evaluate(variables(json));
        expect(outcome.fuel).toBeLessThanOrEqual(EXPRESSION_FUEL);
        expect(milliseconds(made, json)).toBeLessThan(MOST_MILLISECONDS);
      }),
      { numRuns: 600 },
    );
    expect(admitted).toBeGreaterThan(100);
  });

  it('is the same the second time', () => {
    fc.assert(
      fc.property(expression, hostile, (source, json) => {
        const { condition: made } = compileCondition('http', source);
        expect(made?.evaluate(variables(json))).toEqual(made?.evaluate(variables(json)));
      }),
      { numRuns: 100 },
    );
  });

  it('reads any JSON without throwing', () => {
    const sources = [
      `${J}.a == 'a'`,
      `${J}.exists(x, x == 'a')`,
      `size(${J}) == 1`,
      `'constructor' in ${J}`,
      `${J} == ${J}`,
      `has(${J}.__proto__)`,
    ].map(condition);
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (json) => {
        let seen: Variables;
        try {
          seen = variables(json);
        } catch {
          // Not acceptable to the strict parser, which reads it first.
          return;
        }
        for (const made of sources) expect(typeof made.evaluate(seen).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});
