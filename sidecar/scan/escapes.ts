/**
 * Reads the ways in which text is escaped: percent-encoding (RFC 3986 2.1) and `%u0041`, quoted-printable (RFC 2045 6.7), character
 * references of HTML and XML, and the backslash escapes of JSON, JavaScript, C, Python and shells. Also tags without attributes,
 * with which pages break long words. What an escape stands for is read again, so nesting needs nothing of its own: `%2541`
 * is `%41` is `A`.
 */

import { SYMBOL_OF_BYTE, SYMBOLS } from './symbols.ts';

/** More may follow. */
export const PENDING = -1;
/** It is no escape: `pending` and the byte are text. */
export const FAILED = -2;
/** It ended before this byte, and stands for `value`. */
export const ENDED = -3;

/** What is between the characters of a text, as far as anyone reads it. */
const NOTHING = 0;
/** Names of references that stand for an introducer, or for something between. */
const NAMED: ReadonlyMap<string, number> = new Map([
  ...[
    'lt',
    'gt',
    'quot',
    'apos',
    'nbsp',
    'shy',
    'zwnj',
    'zwj',
    'Tab',
    'NewLine',
    'ZeroWidthSpace',
    'NoBreak',
    'hyphen',
    'dash',
    'lowbar',
    'UnderBar',
    'plus',
    'sol',
    'period',
    'comma',
    'colon',
    'semi',
    'num',
  ].map((name) => [name, NOTHING] as const),
  ['amp', '&'.charCodeAt(0)],
  ['equals', '='.charCodeAt(0)],
  ['percnt', '%'.charCodeAt(0)],
  ['bsol', '\\'.charCodeAt(0)],
]);
const LONGEST_NAME = 14;
const LONGEST_TAG = 10;
/** Beyond every character. */
const TOO_LARGE = 0x11_0000;

const code = (character: string): number => character.charCodeAt(0);
const [
  BACKSLASH,
  AMPERSAND,
  LESS,
  PERCENT,
  HASH,
  SEMICOLON,
  BRACE,
  END_BRACE,
  GREATER,
  SLASH,
  SPACE,
] = [...'\\&<%#;{}>/ '].map(code) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
const LOWER_U = code('u');
const UPPER_U = code('U');
const LOWER_X = code('x');

type State =
  | 'Closed'
  | 'Percent'
  | 'Fixed'
  | 'Backslash'
  | 'BraceOrFixed'
  | 'Braced'
  | 'Octal'
  | 'Ampersand'
  | 'Reference'
  | 'Decimal'
  | 'Hexadecimal'
  | 'Name'
  | 'Tag'
  | 'TagEnd';

export class EscapeReader {
  #state: State = 'Closed';
  /** The character, as far as it is known. */
  value = 0;
  /** Digits that are still missing, or that were read. */
  #digits = 0;
  /** What was read since the introducer, as far as a failure has to give it back. */
  readonly pending = new Uint8Array(LONGEST_NAME + 2);
  length = 0;

  get open(): boolean {
    return this.#state !== 'Closed';
  }

  close(): void {
    this.#state = 'Closed';
  }

  begin(introducer: number): void {
    this.length = 0;
    this.value = 0;
    switch (introducer) {
      case BACKSLASH:
        this.#state = 'Backslash';
        break;
      case AMPERSAND:
        this.#state = 'Ampersand';
        break;
      case LESS:
        this.#state = 'Tag';
        break;
      case PERCENT:
        this.#state = 'Percent';
        break;
      default:
        this.#fixed(2);
    }
  }

  /** @returns PENDING, FAILED, ENDED, or the character that the escape with this byte at its end stands for */
  next(byte: number): number {
    // In UTF-16 and UTF-32 an escape has them, too.
    if (byte === 0) return PENDING;
    const result = this.#step(byte);
    if (result !== PENDING) this.#state = 'Closed';
    else if (this.length < this.pending.length) this.pending[this.length++] = byte;
    return result;
  }

  #step(byte: number): number {
    switch (this.#state) {
      case 'Percent':
        if (byte === LOWER_U || byte === UPPER_U) return this.#fixed(4);
        this.#fixed(2);
        return this.#fixedDigit(byte);
      case 'Fixed':
        return this.#fixedDigit(byte);
      case 'Backslash':
        return this.#afterBackslash(byte);
      case 'BraceOrFixed':
        if (byte !== BRACE) {
          this.#state = 'Fixed';
          return this.#fixedDigit(byte);
        }
        this.#state = 'Braced';
        return PENDING;
      case 'Braced':
        return byte === END_BRACE ? this.#character() : this.#digit(byte, 16) ? PENDING : FAILED;
      case 'Octal':
        if (!this.#digit(byte, 8)) return ENDED;
        this.#digits += 1;
        return this.#digits === 3 ? this.#character() : PENDING;
      case 'Ampersand':
        this.#state = byte === HASH ? 'Reference' : 'Name';
        return byte === HASH || isAlphanumeric(byte) ? PENDING : FAILED;
      case 'Reference':
        this.#state = byte === LOWER_X || byte === code('X') ? 'Hexadecimal' : 'Decimal';
        if (this.#state === 'Hexadecimal') return PENDING;
        return this.#digit(byte, 10) ? PENDING : FAILED;
      case 'Decimal':
        return this.#referenceDigit(byte, 10);
      case 'Hexadecimal':
        return this.#referenceDigit(byte, 16);
      case 'Name':
        return this.#nameCharacter(byte);
      case 'Tag':
      case 'TagEnd':
        return this.#tagCharacter(byte);
      default:
        return FAILED;
    }
  }

  #fixed(digits: number): number {
    this.#state = 'Fixed';
    this.#digits = digits;
    return PENDING;
  }

  #fixedDigit(byte: number): number {
    if (!this.#digit(byte, 16)) return FAILED;
    this.#digits -= 1;
    return this.#digits === 0 ? this.#character() : PENDING;
  }

  #afterBackslash(byte: number): number {
    switch (byte) {
      // In a text within a text it is written twice, four times, and so on.
      case BACKSLASH:
        this.length = 0;
        return PENDING;
      case LOWER_U:
        this.#fixed(4);
        this.#state = 'BraceOrFixed';
        return PENDING;
      case LOWER_X:
        this.#fixed(2);
        this.#state = 'BraceOrFixed';
        return PENDING;
      case UPPER_U:
        return this.#fixed(8);
      default:
        if (LINE_ESCAPES.has(byte)) return NOTHING;
        if (!this.#digit(byte, 8)) return FAILED;
        this.#state = 'Octal';
        this.#digits = 1;
        return PENDING;
    }
  }

  #referenceDigit(byte: number, base: 10 | 16): number {
    if (this.#digit(byte, base)) return PENDING;
    // HTML 13.2.5.80: the semicolon may be missing.
    return byte === SEMICOLON ? this.#character() : ENDED;
  }

  #nameCharacter(byte: number): number {
    if (byte === SEMICOLON) {
      const name = Buffer.from(this.pending.subarray(0, this.length)).toString('latin1');
      return NAMED.get(name) ?? FAILED;
    }
    return isAlphanumeric(byte) && this.length < LONGEST_NAME ? PENDING : FAILED;
  }

  #tagCharacter(byte: number): number {
    if (byte === GREATER) return this.length === 0 ? FAILED : NOTHING;
    if (byte === SLASH || byte === SPACE) {
      if (this.length > 0) this.#state = 'TagEnd';
      return byte === SPACE && this.length === 0 ? FAILED : PENDING;
    }
    return this.#state === 'Tag' && isAlphanumeric(byte) && this.length <= LONGEST_TAG
      ? PENDING
      : FAILED;
  }

  #digit(byte: number, base: 8 | 10 | 16): boolean {
    // Symbols are numbered as the digits of base 36 are.
    const digit = SYMBOL_OF_BYTE[byte] ?? base;
    if (digit >= base) return false;
    this.value = Math.min(TOO_LARGE, this.value * base + digit);
    return true;
  }

  /** The alphabets of secrets are ASCII; every other character is between theirs. */
  #character(): number {
    return this.value < 128 ? this.value : NOTHING;
  }
}

/** Escapes that stand for the end of a line or other space. */
const LINE_ESCAPES: ReadonlySet<number> = new Set([...'nrtbfv'].map(code));

function isAlphanumeric(byte: number): boolean {
  return (SYMBOL_OF_BYTE[byte] ?? SYMBOLS) < SYMBOLS;
}
