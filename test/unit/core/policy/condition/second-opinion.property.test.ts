/** What conditions mean is what CEL means: another implementation of it, by other people, says the same. */

import { isCelError, run } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileCondition } from '../../../../../core/policy/condition/compile-condition.ts';
import { variablesOf } from '../../../../../core/policy/condition/variables.ts';
import { aCall } from '../../../../support/policy-calls.ts';

const J = 'action.http.body.json';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Value = null | boolean | number | string | Value[] | Map<string, Value>;

function asMaps(json: Json): Value {
  if (Array.isArray(json)) return json.map(asMaps);
  if (typeof json !== 'object' || json === null) return json;
  return new Map(Object.entries(json).map(([key, value]) => [key, asMaps(value)]));
}

/** true, false, or error: what the words of an error are is each one's own. */
function theirs(source: string, json: Json): string {
  const body = new Map<string, Value>([['json', asMaps(json)]]);
  const http = new Map<string, Value | Map<string, Value>>([
    ['method', 'POST'],
    ['body', body],
  ]);
  const result = run(source, { action: new Map([['http', http]]) }, { funcs: strings });
  return isCelError(result) ? 'error' : String(result);
}

function ours(source: string, json: Json): string | undefined {
  const { condition } = compileCondition('http', source);
  if (condition === undefined) return undefined;
  const call = aCall({ body: { json: JSON.stringify(json) } });
  const outcome = condition.evaluate(variablesOf(call));
  return outcome.ok ? String(outcome.value) : outcome.reason;
}

const member = fc.constantFrom('s', 't', 'n', 'l', 'm', 'b', 'missing', 'constructor');
const condition = fc.letrec<{ text: string; number: string; list: string; bool: string }>(
  (tie) => ({
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      member.map((name) => `${J}.${name}`),
      fc.constantFrom("'a'", "''", "'É'", 'action.http.method', `${J}.m.s`),
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} + ${b})`),
      tie('text').map((a) => `${a}.lowerAscii()`),
      tie('text').map((a) => `${a}.upperAscii()`),
      tie('list').map((a) => `${a}.join('-')`),
      fc.tuple(tie('bool'), tie('text'), tie('text')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    ),
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('0.0', '1.0', '-2.5', `${J}.n`, `${J}.m.n`, `${J}.missing`),
      tie('text').map((a) => `double(${a}.size())`),
      tie('list').map((a) => `double(size(${a}))`),
      fc
        .tuple(tie('number'), fc.constantFrom('+', '-', '*', '/'), tie('number'))
        .map(([a, sign, b]) => `(${a} ${sign} ${b})`),
    ),
    list: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(`${J}.l`, `${J}.m.l`, "['a', 'b']", `${J}.missing`),
      tie('text').map((a) => `${a}.split(',')`),
      fc.tuple(tie('list'), tie('list')).map(([a, b]) => `(${a} + ${b})`),
      tie('list').map((a) => `${a}.filter(x, x != 'a')`),
      tie('list').map((a) => `${a}.map(x, x + 'b')`),
    ),
    bool: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(
        'true',
        'false',
        `${J}.b == true`,
        `${J}.n == null`,
        `${J}.m == ${J}.o`,
        `[${J}.m] == [${J}.o]`,
      ),
      member.map((name) => `has(${J}.${name})`),
      member.map((name) => `'${name}' in ${J}`),
      member.map((name) => `has(${J}.m.${name})`),
      fc
        .tuple(tie('text'), fc.constantFrom('==', '!='), tie('text'))
        .map(([a, sign, b]) => `${a} ${sign} ${b}`),
      fc
        .tuple(tie('number'), fc.constantFrom('==', '<', '<=', '>', '>='), tie('number'))
        .map(([a, sign, b]) => `${a} ${sign} ${b}`),
      fc.tuple(tie('text'), tie('list')).map(([a, b]) => `${a} in ${b}`),
      fc.tuple(tie('list'), tie('list')).map(([a, b]) => `${a} == ${b}`),
      fc
        .tuple(tie('text'), fc.constantFrom('contains', 'startsWith', 'endsWith'), tie('text'))
        .map(([a, name, b]) => `${a}.${name}(${b})`),
      fc
        .tuple(tie('list'), fc.constantFrom('exists', 'all', 'exists_one'))
        .map(([a, name]) => `${a}.${name}(x, x == 'a' || x.startsWith('b'))`),
      fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a} && ${b})`),
      fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a} || ${b})`),
      tie('bool').map((a) => `!(${a})`),
    ),
  }),
).bool;

const text = fc.constantFrom('', 'a', 'b', 'ab', 'a,b', 'É', 'K', '💥');
const list = fc.array(text, { maxLength: 4 });
const simple = { s: text, n: fc.constantFrom(0, 1, -2.5, 3), l: list };
const body: fc.Arbitrary<Json> = fc.record(
  {
    ...simple,
    t: text,
    b: fc.boolean(),
    m: fc.record(simple, { noNullPrototype: true }),
    o: fc.record(simple, { noNullPrototype: true }),
    constructor: text,
  },
  { requiredKeys: ['s', 'n', 'l', 'm'], noNullPrototype: true },
);

it('the same expression on the same body is true, false or an error to both', () => {
  let compared = 0;
  fc.assert(
    fc.property(condition, body, (source, json) => {
      const here = ours(source, json);
      // Their checker is none; what ours refuses, nobody evaluates.
      if (here === undefined || here === 'fuel') return;
      compared++;
      expect(here, source).toBe(theirs(source, json));
    }),
    { numRuns: 800 },
  );
  expect(compared).toBeGreaterThan(250);
});
