/** Finds live secrets in a stream of bytes, in every form that `forms.ts` has, wherever the chunks happen to be split. */

import { ENDED, EscapeReader, FAILED, PENDING } from './escapes.ts';
import type { LiveSecrets } from './live-secrets.ts';
import { INTRODUCER, OTHER, SYMBOL_OF_BYTE, SYMBOLS } from './symbols.ts';
import { GEAR, WINDOW, Window } from './window.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);
/** Ends an escape that has no end of its own. */
const SPACE = 0x20;

/**
 * Lets bytes pass as they come, so an event stream flows event by event. Its work for a byte is the same whatever the number of
 * secrets, and it keeps nothing but the last symbols: what passed before a secret was recognised is less than a piece of it
 * (`formsOf`). Of a secret as it stands not even its beginning passes: that is held back until it is clear what follows.
 */
export class SecretScanner {
  readonly #secrets: LiveSecrets;
  readonly #window = new Window();
  readonly #escape = new EscapeReader();
  #held = NO_BYTES;

  constructor(secrets: LiveSecrets) {
    this.#secrets = secrets;
  }

  /** What may pass now (perhaps nothing), or null: a secret is here, and nothing more may pass. */
  push(chunk: Buffer): Buffer | null {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NO_BYTES;
    if (this.#secrets.size === 0) {
      // What passes before a secret is made cannot be part of it.
      this.#window.clear();
      this.#escape.close();
      return data;
    }
    if (this.#find(chunk)) return null;
    const end = this.#beginning(data);
    // A copy: a view would keep the whole chunk in memory.
    if (end < data.length) this.#held = Buffer.from(data.subarray(end));
    return data.subarray(0, end);
  }

  /** What was held back, once the stream is complete without a secret; null as `push`. */
  end(): Buffer | null {
    const rest = this.#held;
    this.#held = NO_BYTES;
    // A reference of HTML may end with the text.
    return this.#escape.open && this.#secrets.size > 0 && this.#take(SPACE) ? null : rest;
  }

  /** The only loop that sees every byte: nothing is called in it for an ordinary one. */
  #find(bytes: Uint8Array): boolean {
    const window = this.#window;
    const { symbols } = window;
    const { filter, filterShift } = this.#secrets.pieces;
    const hasShort = this.#secrets.short.size > 0;
    let { count, rolling } = window;
    let { open } = this.#escape;
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i] ?? 0;
      const symbol = SYMBOL_OF_BYTE[byte] ?? OTHER;
      if (open || symbol === INTRODUCER) {
        window.count = count;
        window.rolling = rolling;
        if (this.#take(byte)) return true;
        ({ count, rolling } = window);
        ({ open } = this.#escape);
      } else if (symbol < SYMBOLS) {
        symbols[count & (WINDOW - 1)] = symbol;
        count += 1;
        rolling = ((rolling << 2) + (GEAR[symbol] ?? 0)) | 0;
        const bit = rolling >>> filterShift;
        if (hasShort || ((filter[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) {
          window.count = count;
          window.rolling = rolling;
          if (this.#isFound()) return true;
        }
      }
    }
    window.count = count;
    window.rolling = rolling;
    return false;
  }

  /** As the loop, for one byte that may belong to an escape, or for what an escape stood for. */
  #take(byte: number): boolean {
    if (!this.#escape.open) return this.#takeText(byte);
    const result = this.#escape.next(byte);
    switch (result) {
      case PENDING:
        return false;
      case FAILED: {
        const { pending, length } = this.#escape;
        for (let i = 0; i < length; i += 1) if (this.#takeSymbol(pending[i] ?? 0)) return true;
        return this.#takeText(byte);
      }
      case ENDED:
        return this.#takeText(this.#escape.value) || this.#take(byte);
      default:
        return this.#takeText(result);
    }
  }

  #takeText(byte: number): boolean {
    if (SYMBOL_OF_BYTE[byte] !== INTRODUCER) return this.#takeSymbol(byte);
    this.#escape.begin(byte);
    return false;
  }

  #takeSymbol(byte: number): boolean {
    const symbol = SYMBOL_OF_BYTE[byte] ?? OTHER;
    if (symbol >= SYMBOLS) return false;
    this.#window.push(symbol);
    return this.#isFound();
  }

  #isFound(): boolean {
    const { pieces, short } = this.#secrets;
    if (pieces.has(this.#window)) return true;
    for (const symbols of short) if (this.#window.endsWith(symbols)) return true;
    return false;
  }

  /** Where at the end of the bytes a secret may begin as it stands; their length if nowhere. */
  #beginning(data: Buffer): number {
    let start = data.length;
    const first = Math.max(0, start - this.#secrets.longest);
    while (start > first && isTokenByte(data[start - 1] ?? 0)) start -= 1;
    if (start === data.length) return start;
    const text = data.toString('latin1', start);
    let from = text.length;
    for (const beginning of this.#secrets.beginnings) {
      const at = text.indexOf(beginning);
      if (at !== -1) from = Math.min(from, at);
      for (let length = Math.min(beginning.length - 1, text.length); length > 0; length -= 1) {
        if (text.endsWith(beginning.slice(0, length))) {
          from = Math.min(from, text.length - length);
          break;
        }
      }
    }
    return start + from;
  }
}

/** RFC 6750 2.1: b64token. */
function isTokenByte(byte: number): boolean {
  return (SYMBOL_OF_BYTE[byte] ?? OTHER) < SYMBOLS || TOKEN_PUNCTUATION.has(byte);
}
const TOKEN_PUNCTUATION: ReadonlySet<number> = new Set(Buffer.from('-._~+/='));

/** Whether no live secret occurs in what is here whole: bytes or header text, each going on where the one before ended. */
export function isClean(secrets: LiveSecrets, parts: Iterable<Buffer | string>): boolean {
  if (secrets.size === 0) return true;
  const scanner = new SecretScanner(secrets);
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
    if (scanner.push(bytes) === null) return false;
  }
  return scanner.end() !== null;
}
