/** Properties of the strict parser and the canonical form, looked for with random texts. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  JsonError,
  type JsonValue,
  parseStrictJson,
} from '../../../../core/text/json.ts';

/** The value, or undefined if it is refused; any other error than JsonError is a bug. */
function tryStrict(text: string): JsonValue | undefined {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

function tryNative(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JCS by other means than the code under test: JSON.stringify on arrays of sorted pairs. */
function reference(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(reference).join()}]`;
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([k, v]) => `${JSON.stringify(k)}:${reference(v)}`).join()}}`;
}

/** A JSON text as a tree whose objects may repeat a key, and whose texts may be escaped in any way. */
type Tree =
  | { type: 'leaf'; text: string }
  | { type: 'array'; items: Tree[] }
  | { type: 'object'; members: { key: string; escaped: boolean; value: Tree }[] };

const spelled = (key: string, escaped: boolean): string =>
  escaped
    ? `"${[...Array(key.length).keys()].map((i) => `\\u${key.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
    : JSON.stringify(key);

function print(tree: Tree): string {
  switch (tree.type) {
    case 'leaf':
      return tree.text;
    case 'array':
      return `[${tree.items.map(print).join(', ')}]`;
    case 'object':
      return `{${tree.members.map((m) => `${spelled(m.key, m.escaped)} :${print(m.value)}`).join(',')}}`;
  }
}

/** What a parser reads that keeps the first, or the last, of equal keys. */
function read(tree: Tree, wins: 'first' | 'last'): unknown {
  switch (tree.type) {
    case 'leaf':
      return JSON.parse(tree.text);
    case 'array':
      return tree.items.map((item) => read(item, wins));
    case 'object': {
      const members = new Map<string, unknown>();
      for (const { key, value } of tree.members) {
        if (wins === 'last' || !members.has(key)) members.set(key, read(value, wins));
      }
      return Object.fromEntries(members);
    }
  }
}

function repeatsKey(tree: Tree): boolean {
  switch (tree.type) {
    case 'leaf':
      return false;
    case 'array':
      return tree.items.some(repeatsKey);
    case 'object':
      return (
        new Set(tree.members.map(({ key }) => key)).size < tree.members.length ||
        tree.members.some(({ value }) => repeatsKey(value))
      );
  }
}

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      type: fc.constant('leaf' as const),
      text: fc.constantFrom('0', '1', '-2.5e3', 'null', 'true', '"a"', '"\\u0061"', '""'),
    }),
    fc.record({
      type: fc.constant('array' as const),
      items: fc.array(tie('tree'), { maxLength: 3 }),
    }),
    fc.record({
      type: fc.constant('object' as const),
      members: fc.array(
        fc.record({
          key: fc.constantFrom('a', 'b', '', '__proto__', '😀', 'toString'),
          escaped: fc.boolean(),
          value: tie('tree'),
        }),
        { maxLength: 4 },
      ),
    }),
  ),
}));

/** Texts of pieces of JSON: mostly wrong, sometimes right. */
const scraps = fc
  .array(
    fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', ' ', '\n', '"', '"a"', '"b"', '"\\u0061"', '\\', '\\u'],
      ...[
        '0',
        '-',
        '1',
        '.',
        'e',
        '+',
        '9007199254740993',
        'true',
        'null',
        'x',
        '\ud83d',
        '\ude00',
      ],
      ...['\ufeff', '\u0000', '{"a":1}', '{"a":', '[1,2]'],
    ),
    { maxLength: 9 },
  )
  .map((pieces) => pieces.join(''));

const jsonText = fc.oneof(
  fc.json({ stringUnit: 'grapheme' }),
  fc.json({ stringUnit: 'binary' }),
  scraps,
  tree.map(print),
);

describe('every text that is accepted', () => {
  it('is JSON, and means what JSON.parse says', () => {
    let accepted = 0;
    fc.assert(
      fc.property(jsonText, (text) => {
        const value = tryStrict(text);
        if (value === undefined) return;
        accepted++;
        expect(reference(value)).toBe(reference(tryNative(text)));
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  it('has a canonical form that reads as the same value and is its own canonical form', () => {
    let accepted = 0;
    fc.assert(
      fc.property(jsonText, (text) => {
        const value = tryStrict(text);
        if (value === undefined) return;
        accepted++;
        const canonical = canonicalJson(value);
        expect(parseStrictJson(canonical)).toEqual(value);
        expect(canonicalJson(parseStrictJson(canonical))).toBe(canonical);
        expect(canonical).toBe(reference(value));
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});

it('a text is accepted exactly if no object repeats a key, so first-wins and last-wins parsers agree on it', () => {
  fc.assert(
    fc.property(tree, (t) => {
      const value = tryStrict(print(t));
      expect(value === undefined).toBe(repeatsKey(t));
      if (value === undefined) return;
      expect(reference(value)).toBe(reference(read(t, 'first')));
      expect(reference(value)).toBe(reference(read(t, 'last')));
    }),
    { numRuns: 3_000 },
  );
});

it('the canonical form does not depend on the order of members, escapes or white space', () => {
  const value = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { maxKeys: 6 });
  fc.assert(
    fc.property(value, fc.nat(), (object, seed) => {
      const entries = Object.entries(object);
      const turned = [...entries.slice(seed % (entries.length + 1))].concat(
        entries.slice(0, seed % (entries.length + 1)),
      );
      const text = `{ ${turned.map(([k, v]) => `${spelled(k, seed % 2 === 0)}\t:\n${JSON.stringify(v)}`).join(' , ')} }`;
      const plain = tryStrict(JSON.stringify(object));
      // -0 has no JSON text of its own: JSON.stringify writes 0.
      if (plain === undefined) return;
      expect(canonicalJson(parseStrictJson(text))).toBe(canonicalJson(plain));
    }),
  );
});

it('a number is accepted exactly if its shortest double form is the same real number', () => {
  const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
  const token = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(
        fc.constant('0'),
        digits(20).map((d) => `1${d}`),
        fc.nat().map(String),
      ),
      fc.option(digits(20)),
      fc.option(fc.integer({ min: -340, max: 320 })),
    )
    .map(
      ([sign, whole, fraction, power]) =>
        `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : `e${power}`}`,
    );
  const doubles = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
  fc.assert(
    fc.property(fc.oneof(token, doubles), (text) => {
      const number = Number(text);
      const same =
        Number.isFinite(number) &&
        // The sign of zero is lost in the canonical form.
        !(Object.is(number, -0) || (number === 0 && text.startsWith('-'))) &&
        sameReal(text, String(number));
      expect(tryStrict(text) === number).toBe(same);
    }),
    { numRuns: 5_000 },
  );
});

/** Compares two numerals as exact fractions. */
function sameReal(a: string, b: string): boolean {
  const [m, p] = fraction(a);
  const [n, q] = fraction(b);
  return m * 10n ** BigInt(Math.max(p - q, 0)) === n * 10n ** BigInt(Math.max(q - p, 0));
}

/** A numeral as an integer and a power of ten. */
function fraction(text: string): [mantissa: bigint, power: number] {
  const [, digits = '', more = '', power = '0'] =
    /^(-?[0-9]+)(?:\.([0-9]+))?(?:e([+-]?[0-9]+))?$/.exec(text) ?? [];
  return [BigInt(digits + more), Number(power) - more.length];
}
