/** The last symbols of a stream, and fingerprints of them. */

import { SYMBOLS } from './symbols.ts';

/** The longest piece that is compared. A power of two. */
export const WINDOW = 64;
/** The rolling fingerprint speaks of so many symbols: each moves it by two bits of 32. */
export const ROLLING = 16;

/**
 * Numbers without a pattern, one a symbol. The rolling fingerprint is a gear hash (Xia et al., Ddelta, 2014): what is 16
 * symbols ago has been shifted out.
 */
export const GEAR: Int32Array = Int32Array.from({ length: SYMBOLS }, (_, symbol) =>
  mix(Math.imul(symbol + 1, 0x9e37_79b1)),
);

export class Window {
  readonly symbols = new Uint8Array(WINDOW);
  /** So far. */
  count = 0;
  /** Of the last 16. */
  rolling = 0;

  push(symbol: number): void {
    this.symbols[this.count % WINDOW] = symbol;
    this.count += 1;
    this.rolling = ((this.rolling << 2) + (GEAR[symbol] ?? 0)) | 0;
  }

  clear(): void {
    this.count = 0;
    this.rolling = 0;
  }

  /** Whether these are the last symbols. @param symbols `WINDOW` of them at most */
  endsWith(symbols: Uint8Array): boolean {
    if (this.count < symbols.length) return false;
    const start = this.count - symbols.length;
    return symbols.every((symbol, i) => this.symbols[(start + i) & (WINDOW - 1)] === symbol);
  }
}

/** What the rolling fingerprint of a stream is after the symbols up to a place: it speaks of the last 16. */
export function rollingFingerprint(symbols: Uint8Array, end: number): number {
  let rolling = 0;
  for (let i = end - ROLLING; i < end; i += 1) {
    rolling = ((rolling << 2) + (GEAR[symbols[i] ?? 0] ?? 0)) | 0;
  }
  return rolling;
}

/**
 * Two fingerprints, 64 bits in all, of so many symbols up to a place.
 * @param mask of the places, where they go round
 * @param into gets them at its places 2 and 3
 */
export function fingerprint(
  symbols: Uint8Array,
  { end, length, mask }: { end: number; length: number; mask: number },
  into: Int32Array,
): void {
  let first = 0x1b87_3593;
  let second = 0x5bd1_e995;
  for (let i = end - length; i < end; i += 1) {
    const symbol = symbols[i & mask] ?? 0;
    first = Math.imul(first ^ symbol, 0x0100_0193);
    first = (first << 7) | (first >>> 25);
    second = Math.imul(second + symbol, 0x2722_0a95) ^ (second >>> 15);
  }
  into[2] = mix(first);
  into[3] = mix(second);
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
