/**
 * Strict JSON (RFC 8259) and its canonical form (RFC 8785, JCS).
 *
 * `JSON.parse` is not enough to compare what a person approved with what is on the wire: it keeps the last of duplicate
 * keys, where other parsers keep the first, turns 9007199254740993 into ...992 and lets lone surrogates through. All of
 * these are refused here, so that every accepted text has one meaning to every parser (RFC 7493, I-JSON).
 */

/** A JSON value. Objects have no prototype, so `__proto__` is a key like any other. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };

/** Whether a value that was parsed is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where and why a text is not acceptable. `position` counts UTF-16 code units from 0. */
export class JsonError extends Error {
  readonly position: number;
  constructor(reason: string, position: number) {
    super(`${reason} at position ${position}`);
    this.name = 'JsonError';
    this.position = position;
  }
}

/** Nesting past this is refused: no honest API call needs it, and it bounds recursion. */
const MAX_DEPTH = 64;
/**
 * Values in one text, so that a hostile one can neither keep the process busy nor take its memory: 1 MiB of `{},` has 350,000,
 * and each takes some 250 bytes. A manifest of 1 MiB has about 22,000, the longest JSON text of a grant 16,384.
 */
const MAX_VALUES = 30_000;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// A run of characters that need no attention: no quote, backslash or control character. Surrogates are judged at the end.
const PLAIN = /[^"\\\u0000-\u001f]+/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Parses one JSON text.
 * @throws JsonError for anything JSON forbids, and for duplicate keys, lone surrogates and numbers that do not survive a
 * round trip through an IEEE 754 double.
 */
export function parseStrictJson(text: string): JsonValue {
  const parser = new Parser(text);
  return parser.document();
}

/** Decodes UTF-8 strictly (no BOM, no overlong or invalid sequence) and parses. @throws JsonError */
export function parseStrictJsonBytes(bytes: Uint8Array): JsonValue {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonError('The text is not valid UTF-8', 0);
  }
  return parseStrictJson(text);
}

/** RFC 8785 canonical text: keys sorted by UTF-16 code units, ECMAScript number and string forms, no white space. */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .sort(compareCodeUnits)
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as JsonValue)}`);
  return `{${members.join(',')}}`;
}

/** The order that RFC 8785 3.2.3 asks for; `<` on JavaScript strings compares code units. */
function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

class Parser {
  readonly #text: string;
  #at = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    this.#space();
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('Unexpected text after the value');
    return value;
  }

  #error(reason: string, position = this.#at): JsonError {
    return new JsonError(reason, position);
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.#at++;
    }
  }

  #value(depth: number): JsonValue {
    if (++this.#values > MAX_VALUES) throw this.#error(`More than ${MAX_VALUES} values`);
    if (depth > MAX_DEPTH) throw this.#error(`Nested deeper than ${MAX_DEPTH}`);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      case undefined:
        throw this.#error('The text ends too early');
      default:
        return this.#number();
    }
  }

  #word<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('Not a JSON value');
    this.#at += word.length;
    return value;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const token = NUMBER.exec(this.#text)?.[0];
    if (token === undefined) throw this.#error('Not a JSON value');
    const value = Number(token);
    const printed = String(value);
    if (token !== printed && !sameDecimal(token, printed)) {
      throw this.#error(
        `The number ${token.slice(0, 40)} cannot be kept exactly; send it as a string`,
      );
    }
    this.#at += token.length;
    return value;
  }

  #string(): string {
    const text = this.#text;
    let result = '';
    this.#at++;
    for (;;) {
      PLAIN.lastIndex = this.#at;
      const plain = PLAIN.exec(text)?.[0];
      if (plain !== undefined) {
        result += plain;
        this.#at += plain.length;
      }
      const c = text.charCodeAt(this.#at);
      if (c === 0x22) {
        this.#at++;
        break;
      }
      if (Number.isNaN(c)) throw this.#error('The string has no end');
      if (c < 0x20) throw this.#error('A control character in a string');
      result += this.#escape();
    }
    // The whole string, escapes included: half a pair may be escaped.
    if (!result.isWellFormed()) throw this.#error('A lone surrogate in a string');
    return result;
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter === 'u') {
      const hex = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#error('A wrong \\u escape');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (plain === undefined) throw this.#error('A wrong escape');
    this.#at += 2;
    return plain;
  }

  #array(depth: number): JsonValue[] {
    const values: JsonValue[] = [];
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return values;
    }
    for (;;) {
      this.#space();
      values.push(this.#value(depth + 1));
      this.#space();
      if (this.#next(']')) return values;
    }
  }

  #object(depth: number): { [key: string]: JsonValue } {
    const members: { [key: string]: JsonValue } = Object.create(null);
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return members;
    }
    for (;;) {
      this.#space();
      const keyAt = this.#at;
      if (this.#text[this.#at] !== '"') throw this.#error('A key must be a string');
      const key = this.#string();
      if (key in members) {
        throw this.#error(`The key ${printableKey(key)} appears twice`, keyAt);
      }
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#error('A colon is missing');
      this.#at++;
      this.#space();
      members[key] = this.#value(depth + 1);
      this.#space();
      if (this.#next('}')) return members;
    }
  }

  /** Steps over a comma (false) or the closing bracket (true). */
  #next(close: string): boolean {
    const c = this.#text[this.#at];
    if (c !== close && c !== ',') throw this.#error(`Expected a comma or ${close}`);
    this.#at++;
    return c === close;
  }
}

/** A key as it may stand in a message: hostile text may hold control or bidi characters. */
function printableKey(key: string): string {
  return JSON.stringify(key)
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 60);
}

/** Whether two decimal numerals denote the same real number (ignoring form: 1.0 = 1 = 1e0; but -0 is not 0). */
function sameDecimal(token: string, printed: string): boolean {
  const a = decimal(token);
  const b = decimal(printed);
  // RFC 8785 prints -0 as 0: the sign would be lost, so -0 is refused by the comparison of signs.
  return (
    a !== null &&
    b !== null &&
    a.sign === b.sign &&
    a.digits === b.digits &&
    a.exponent === b.exponent
  );
}

/** A numeral as sign, digits without leading or trailing zeros, and the power of ten of its last digit. */
function decimal(token: string): { sign: string; digits: string; exponent: number } | null {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(token);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = withoutTrailingZeros(all);
  if (digits === '') return { sign, digits: '0', exponent: 0 };
  return { sign, digits, exponent: Number(power) - fraction.length + (all.length - digits.length) };
}

/** Counted by hand: `/0+$/` takes quadratic time for a long run of zeros inside, which one number can have. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}
