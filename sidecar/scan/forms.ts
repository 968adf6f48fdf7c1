/** The forms in which software writes a text that it was given, as runs of symbols. */

import { symbolsOf } from './symbols.ts';

/** One way to write a secret. */
export interface Form {
  readonly symbols: Uint8Array;
  /** So many symbols in a row are taken for the secret: so many that they are never the same by chance. */
  readonly enough: number;
  /** Of the pieces of that length, one in so many is looked for. */
  readonly every: number;
}

/** Of a piece of the secret, so many characters in a row are found in every form. */
const LONGEST_PIECE = 40;
/** Whoever stops in the middle has shown less than a third, however short the secret is; but not less than this. */
const SHORTEST_PIECE = 20;
/** As it stands, and in digits, which are shown in lines of sixteen characters (`xxd`, `hexdump -C`, `od`). */
const LINE_PIECE = 16;

/**
 * Every form, with a bound for false alarms. A secret has 64 equally likely characters at each place (a signature), so a text
 * that does not depend on it agrees with 16 symbols as they stand with a probability of 2^-79 (a letter in one case stands for
 * two of 62); the other lengths are such that each has at least 12 whole characters in it, or 2^-72 (of decimal numbers 10 at
 * least and 13 on average; and twelve more bits where letters in one case make base64 ambiguous). With 100 live tokens of 1,200
 * pieces each that is one false alarm in some 10^16 symbols: ten petabytes.
 * @returns the secret as it stands first
 */
export function formsOf(secret: string): Form[] {
  const bytes = Buffer.from(secret, 'latin1');
  const wide = Buffer.from(secret, 'utf16le');
  const piece = Math.max(SHORTEST_PIECE, Math.min(LONGEST_PIECE, Math.floor(secret.length / 3)));
  const once = base64Cores(bytes);
  const hex = (of: Buffer): string => of.toString('hex');
  return [
    // Also in UTF-16 and UTF-32, and with every character escaped.
    form([secret], LINE_PIECE, 16),
    form(once, (piece * 4) / 3 - 2, 24),
    form(base64Cores(wide), (piece * 8) / 3 - 2, 56),
    // A Secret of Kubernetes that holds a file for Docker; a mail within JSON.
    form(
      once.flatMap((core) => base64Cores(Buffer.from(core))),
      (piece * 16) / 9 - 3,
      32,
    ),
    form([hex(bytes)], LINE_PIECE * 2, 26),
    // In words of two bytes, the small end first (`hexdump`, `od -x`), from the first byte or from the second.
    form([hex(swapped(bytes)), hex(swapped(bytes.subarray(1)))], LINE_PIECE * 2, 26),
    form([listed(bytes, (byte) => byte.toString(8).padStart(3, '0'))], LINE_PIECE * 3, 39),
    form([hex(wide)], piece * 4, 52),
    form([listed(bytes, (byte) => `0x${byte.toString(16)}`)], piece * 4, 52),
    // Bytes as JSON has them, {"type":"Buffer","data":[101,121,…]}, and lines of them (`od -t u1`), of which half have 37 digits.
    form([listed(bytes, String)], 37, 32),
    form([listed(bytes, (byte) => String(byte).padStart(3, '0'))], piece * 3, 39),
    // U+0065, and what is left of \u0065 where backslashes were taken out.
    form([listed(bytes, (byte) => `u00${byte.toString(16)}`)], piece * 5, 60),
  ].flat();
}

function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
}

/** @param run so many symbols in a row are to be found */
function form(texts: readonly string[], run: number, enough: number): Form[] {
  const every = Math.max(1, Math.floor(run) - enough + 1);
  return texts.map((text) => ({ symbols: symbolsOf(text), enough, every }));
}

function listed(bytes: Buffer, write: (byte: number) => string): string {
  let text = '';
  for (const byte of bytes) text += `${write(byte)},`;
  return text;
}

/**
 * The characters of the base64 of `??secret??` that depend on the secret alone, at each of the three alignments. Of ASCII they
 * are the same in base64url.
 */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const end = Math.floor(((shift + bytes.length) * 8) / 6);
    return encoded.slice(Math.ceil((shift * 8) / 6), end);
  });
}
