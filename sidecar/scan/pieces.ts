/** The pieces of every live secret in one table, so that looking for a thousand secrets costs what looking for one does. */

import type { Form } from './forms.ts';
import { fingerprint, ROLLING, rollingFingerprint, WINDOW, type Window } from './window.ts';

const SMALLEST = 1024;
/** Slots for each piece, at least: more than half would be walks instead of look-ups. */
const SLOTS = 2;
/** Bits of the filter for each slot: so few are set that nearly every symbol ends there. */
const FILTER_BITS = 16;

/** A piece has four numbers: the rolling fingerprint at its end, its length, and two fingerprints of all of it. */
const NUMBERS = 4;

/** An open-addressed table (Knuth 6.4, algorithms L and R) of numbers, without an object for each of thousands of pieces. */
export class PieceTable {
  #size = 0;
  #mask = SMALLEST - 1;
  /** Four numbers a slot; the length of a piece is 0 where there is none. */
  #slots = new Int32Array(SMALLEST * NUMBERS);
  #stale = 0;
  readonly #seen = new Int32Array(NUMBERS);
  /** A bit for each beginning of a rolling fingerprint that a piece has. */
  filter: Uint32Array = new Uint32Array((SMALLEST * FILTER_BITS) / 32);
  /** What takes a rolling fingerprint to its bit. */
  filterShift: number = 32 - Math.log2(SMALLEST * FILTER_BITS);

  get size(): number {
    return this.#size;
  }

  add(forms: readonly Form[]): void {
    const pieces = piecesOf(forms);
    for (let at = 0; at < pieces.length; at += NUMBERS) {
      if ((this.#size + 1) * SLOTS > this.#mask + 1) this.#rebuild((this.#mask + 1) * 2);
      this.#insert(pieces.subarray(at, at + NUMBERS));
    }
  }

  remove(forms: readonly Form[]): void {
    const pieces = piecesOf(forms);
    for (let at = 0; at < pieces.length; at += NUMBERS) {
      this.#delete(pieces.subarray(at, at + NUMBERS));
    }
    // What is gone leaves its bits behind; they cost look-ups, until there are too many.
    if (this.#stale > Math.max(SMALLEST, this.#size)) {
      const fits = this.#size * SLOTS * 4 <= this.#mask + 1;
      this.#rebuild(Math.max(SMALLEST, fits ? (this.#mask + 1) / 2 : this.#mask + 1));
    }
  }

  /** Whether the window ends with a piece. */
  has({ rolling, count, symbols }: Window): boolean {
    const bit = rolling >>> this.filterShift;
    if ((((this.filter[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 0) return false;
    const slots = this.#slots;
    const seen = this.#seen;
    for (let slot = this.#home(rolling); ; slot = (slot + 1) & this.#mask) {
      const at = slot * NUMBERS;
      const length = slots[at + 1] ?? 0;
      if (length === 0) return false;
      if (slots[at] === rolling && count >= length) {
        fingerprint(symbols, { end: count, length, mask: WINDOW - 1 }, seen);
        if (slots[at + 2] === seen[2] && slots[at + 3] === seen[3]) return true;
      }
    }
  }

  #home(rolling: number): number {
    return (Math.imul(rolling, 0x9e37_79b1) >>> 12) & this.#mask;
  }

  #insert(piece: Int32Array): void {
    const [rolling = 0] = piece;
    let slot = this.#home(rolling);
    while (this.#lengthAt(slot) !== 0) slot = (slot + 1) & this.#mask;
    this.#slots.set(piece, slot * NUMBERS);
    this.#size += 1;
    const bit = rolling >>> this.filterShift;
    this.filter[bit >>> 5] = (this.filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  #delete(piece: Int32Array): void {
    let slot = this.#home(piece[0] ?? 0);
    while (!this.#isAt(slot, piece)) {
      if (this.#lengthAt(slot) === 0) return;
      slot = (slot + 1) & this.#mask;
    }
    this.#size -= 1;
    this.#stale += 1;
    // What stands further on because this place was taken moves up, so that no walk ends too early.
    for (let next = (slot + 1) & this.#mask; ; next = (next + 1) & this.#mask) {
      if (this.#lengthAt(next) === 0) break;
      const distance = (next - this.#home(this.#slots[next * NUMBERS] ?? 0)) & this.#mask;
      if (distance >= ((next - slot) & this.#mask)) {
        this.#slots.copyWithin(slot * NUMBERS, next * NUMBERS, (next + 1) * NUMBERS);
        slot = next;
      }
    }
    this.#slots.fill(0, slot * NUMBERS, (slot + 1) * NUMBERS);
  }

  #lengthAt(slot: number): number {
    return this.#slots[slot * NUMBERS + 1] ?? 0;
  }

  #isAt(slot: number, piece: Int32Array): boolean {
    for (let i = 0; i < NUMBERS; i += 1) {
      if (this.#slots[slot * NUMBERS + i] !== piece[i]) return false;
    }
    return true;
  }

  #rebuild(slots: number): void {
    const old = this.#slots;
    this.#mask = slots - 1;
    this.#slots = new Int32Array(slots * NUMBERS);
    this.filter = new Uint32Array((slots * FILTER_BITS) / 32);
    this.filterShift = 32 - Math.log2(slots * FILTER_BITS);
    this.#size = 0;
    this.#stale = 0;
    for (let at = 0; at < old.length; at += NUMBERS) {
      if (old[at + 1] !== 0) this.#insert(old.subarray(at, at + NUMBERS));
    }
  }
}

function piecesOf(forms: readonly Form[]): Int32Array {
  const count = forms.reduce((sum, { symbols, enough, every }) => {
    return sum + Math.floor((symbols.length - enough) / every) + 1;
  }, 0);
  const pieces = new Int32Array(count * NUMBERS);
  let at = 0;
  for (const { symbols, enough, every } of forms) {
    for (let end = enough; end <= symbols.length; end += every) {
      const piece = pieces.subarray(at, at + NUMBERS);
      piece[0] = rollingFingerprint(symbols, end);
      piece[1] = enough;
      fingerprint(symbols, { end, length: enough, mask: -1 }, piece);
      at += NUMBERS;
    }
  }
  return pieces;
}

/** Whether a form is long enough to be looked for in pieces. */
export function hasPieces({ symbols, enough }: Form): boolean {
  return symbols.length >= enough && enough >= ROLLING;
}
