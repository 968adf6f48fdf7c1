import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  JsonError,
  type JsonValue,
  parseStrictJson,
  parseStrictJsonBytes,
} from '../../../../core/text/json.ts';

/** Why the text is refused; fails if it is not. */
function refusal(text: string | Uint8Array): JsonError {
  try {
    if (typeof text === 'string') parseStrictJson(text);
    else parseStrictJsonBytes(text);
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
  throw new Error('the text was accepted');
}

const canonical = (text: string): string => canonicalJson(parseStrictJson(text));
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('the strict parser refuses what JSON forbids', () => {
  it.each([
    ['nothing', ''],
    ['only white space', ' \n\t\r'],
    ['text after the value', '{} {}'],
    ['a second value', '1 2'],
    ['a comma after the value', '{},'],
    ['a NUL after the value', '{}\u0000'],
    ['a byte order mark', '\ufeff{}'],
    ['white space that JSON does not know', '\u00a0{}'],
    ['a form feed', '{}\f'],
    ['a comment', '{/**/}'],
    ['a line comment', '1//'],
    ['an unquoted key', '{a:1}'],
    ['single quotes', "{'a':1}"],
    ['a number as key', '{1:1}'],
    ['a trailing comma in an object', '{"a":1,}'],
    ['a trailing comma in an array', '[1,]'],
    ['a leading comma', '[,1]'],
    ['no comma', '[1 2]'],
    ['no colon', '{"a" 1}'],
    ['a key without value', '{"a"}'],
    ['an open object', '{"a":1'],
    ['an open array', '[1'],
    ['an open string', '"a'],
    ['the wrong bracket', '[1}'],
    ['a leading plus', '+1'],
    ['a leading zero', '01'],
    ['a leading point', '.5'],
    ['a trailing point', '1.'],
    ['an exponent without digits', '1e'],
    ['hexadecimal', '0x10'],
    ['an underscore', '1_000'],
    ['a lone minus', '-'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['-Infinity', '-Infinity'],
    ['undefined', 'undefined'],
    ['True', 'True'],
    ['a word that goes on', 'nullx'],
    ['a raw line feed in a string', '"a\nb"'],
    ['a raw tab in a string', '"a\tb"'],
    ['a raw NUL in a string', '"a\u0000b"'],
    ['an escape that JSON does not know', '"\\x41"'],
    ['an escaped single quote', `"\\'"`],
    ['a name of Object.prototype as escape', '"\\constructor"'],
    ['a short \\u escape', '"\\u12"'],
    ['a \\u escape with a sign', '"\\u+123"'],
    ['a \\u escape of code points', '"\\u{1f600}"'],
    ['a backslash at the end', '"\\'],
  ])('%s', (_, text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(refusal(text)).toBeInstanceOf(JsonError);
  });
});

describe('the strict parser refuses what two parsers could read in two ways', () => {
  it.each([
    ['the same key twice', '{"a":1,"a":2}', 'The key "a" appears twice at position 7'],
    ['the same key twice with the same value', '{"a":1,"a":1}', 'The key "a" appears twice'],
    ['a key and its escaped spelling', '{"a":1,"\\u0061":2}', 'The key "a" appears twice'],
    ['two escaped spellings', '{"\\/":1,"\\u002f":2}', 'The key "/" appears twice'],
    ['an emoji and its escaped spelling', '{"😀":1,"\\ud83d\\uDE00":2}', 'appears twice'],
    ['the empty key twice', '{"":1,"":2}', 'The key "" appears twice'],
    ['a key twice, deep inside', '[{"x":[{"a":1,"b":2,"a":3}]}]', 'The key "a" appears twice'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', 'The key "__proto__" appears twice'],
    ['a lone high surrogate', '"\ud800"', 'A lone surrogate'],
    ['a lone low surrogate', '"\udc00"', 'A lone surrogate'],
    ['surrogates in the wrong order', '"\udc00\ud800"', 'A lone surrogate'],
    ['an escaped lone high surrogate', '"\\ud800"', 'A lone surrogate'],
    ['an escaped lone low surrogate', '"\\uDFFF"', 'A lone surrogate'],
    ['an escaped high surrogate before a letter', '"\\ud800a"', 'A lone surrogate'],
    ['a lone surrogate in a key', '{"\\ud800":1}', 'A lone surrogate'],
  ])('%s', (_, text, reason) => {
    expect(refusal(text).message).toContain(reason);
  });

  it('a key that holds bidi and control characters, without repeating them', () => {
    const { message } = refusal('{"a\u202eb\\u0007\u0085":1,"a\u202eb\\u0007\u0085":2}');
    expect(message).toMatch(/^[\x20-\x7e]*$/);
  });

  it('nesting deeper than 64', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseStrictJson(nested(65))).toBeInstanceOf(Array);
    expect(refusal(nested(66)).message).toContain('Nested deeper than 64');
    expect(refusal('{"a":'.repeat(100_000)).message).toContain('Nested deeper than 64');
  });
});

describe('a number is accepted only if a double keeps it', () => {
  it.each([
    ['0', '0'],
    ['0.0', '0'],
    ['0e400', '0'],
    ['1.0', '1'],
    ['1E2', '100'],
    ['1e+2', '100'],
    ['100e-2', '1'],
    ['0.1', '0.1'],
    ['-0.5', '-0.5'],
    ['4.50', '4.5'],
    ['1e21', '1e+21'],
    ['1000000000000000000000', '1e+21'],
    ['0.000001', '0.000001'],
    ['0.0000001', '1e-7'],
    ['5e-324', '5e-324'],
    ['9007199254740992', '9007199254740992'],
    ['-9007199254740991', '-9007199254740991'],
    ['1.7976931348623157e308', '1.7976931348623157e+308'],
    ['1.000000000000000000000000000000', '1'],
  ])('%s becomes %s', (token, expected) => {
    expect(canonical(token)).toBe(expected);
  });

  it.each([
    ['an integer past 2^53', '9007199254740993'],
    ['the same as a decimal', '9007199254740993.0'],
    ['its negative', '-9007199254740993'],
    ['a 64-bit identifier', '18446744073709551615'],
    ['too large', '1e400'],
    ['too large and negative', '-1e400'],
    ['too small', '1e-400'],
    ['below the smallest double', '2e-324'],
    ['another spelling of the smallest double', '4.9e-324'],
    ['minus zero', '-0'],
    ['minus zero with a fraction', '-0.0'],
    ['minus zero with an exponent', '-0e1'],
    ['more digits than a double has', '0.1000000000000000055511151231257827'],
    ['a sum in floating point', '0.30000000000000004001'],
    ['the first number of RFC 8785 3.2.2', '333333333.33333329'],
    ['a long integer', `1${'0'.repeat(30)}1`],
  ])('not %s', (_, token) => {
    expect(refusal(`[${token}]`).message).toContain('cannot be kept exactly; send it as a string');
  });

  it('in time that grows with its length alone', () => {
    const start = performance.now();
    refusal(`1${'0'.repeat(1_000_000)}1`);
    refusal(`0.${'0'.repeat(1_000_000)}1`);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

describe('bytes', () => {
  it.each([
    ['an invalid byte', bytes(0x22, 0xff, 0x22)],
    ['a truncated sequence', bytes(0x22, 0xe2, 0x82, 0x22)],
    ['an overlong slash', bytes(0x22, 0xc0, 0xaf, 0x22)],
    ['an encoded surrogate (CESU-8)', bytes(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ['a code point past U+10FFFF', bytes(0x22, 0xf4, 0x90, 0x80, 0x80, 0x22)],
    ['a byte order mark', bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
    ['UTF-16', bytes(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00)],
  ])('with %s are refused', (_, value) => {
    expect(refusal(value)).toBeInstanceOf(JsonError);
  });

  it('in UTF-8 are read', () => {
    expect(parseStrictJsonBytes(new TextEncoder().encode('"€😀"'))).toBe('€😀');
  });
});

describe('an object', () => {
  it('has __proto__ as a key like any other', () => {
    const value = parseStrictJson('{"__proto__":{"admin":true},"a":1}') as Record<
      string,
      JsonValue
    >;
    expect(Object.keys(value)).toEqual(['__proto__', 'a']);
    expect(value['admin']).toBeUndefined();
    expect(canonicalJson(value)).toBe('{"__proto__":{"admin":true},"a":1}');
  });

  it('may have the names of Object.prototype as keys', () => {
    const text = '{"constructor":1,"hasOwnProperty":2,"toString":3}';
    expect(canonical(text)).toBe(text);
  });
});

describe('the canonical form is that of RFC 8785', () => {
  it('in the example of 3.2.2 and 3.2.4', () => {
    // The RFC's first number has more digits than a double keeps; the rest is as printed there.
    const text = `{
      "numbers": [333333333.3333333, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`;
    expect(canonical(text)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('in the order of keys of 3.2.3', () => {
    const text = `{
      "\\u20ac": "Euro Sign",
      "\\r": "Carriage Return",
      "\\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\\ud83d\\ude00": "Emoji: Grinning Face",
      "\\u0080": "Control",
      "\\u00f6": "Latin Small Letter O With Diaeresis"
    }`;
    const values = JSON.parse(canonical(text)) as Record<string, string>;
    // "1" is moved to the front by JSON.parse: integer keys come first in JavaScript objects.
    expect(canonical(text).match(/"[^"]+"(?=[,}])/g)).toEqual(
      [
        'Carriage Return',
        'One',
        'Control',
        'Latin Small Letter O With Diaeresis',
        'Euro Sign',
        'Emoji: Grinning Face',
        'Hebrew Letter Dalet With Dagesh',
      ].map((name) => `"${name}"`),
    );
    expect(Object.keys(values)).toHaveLength(7);
  });

  // Appendix B, without NaN and Infinity, which no JSON text holds.
  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('in the number 0x%s', (hex, expected) => {
    const number = Buffer.from(hex, 'hex').readDoubleBE();
    expect(canonicalJson(number)).toBe(expected);
    expect(canonical(expected)).toBe(expected);
  });
});

describe('a text with very many values', () => {
  it('is read up to 30,000 of them', () => {
    expect(parseStrictJson(`[${'0,'.repeat(29_998)}0]`)).toHaveLength(29_999);
  });

  it('is refused beyond, so that no body keeps the process busy, or takes its memory', () => {
    expect(() => parseStrictJson(`[${'0,'.repeat(29_999)}0]`)).toThrow('More than 30000 values');
  });
});
