/**
 * What answers are compared in: the letters and digits of a text, in one case. Everything between them is left out, and so
 * white space, quotes, commas, the zero bytes of UTF-16 and UTF-32, and the two characters in which base64 and base64url
 * differ do not keep a text from being found. Nor does a change of case, which hexadecimal digits are free to make.
 */

/** Ten digits and 26 letters. */
export const SYMBOLS = 36;
/** A byte that is left out. */
export const OTHER = 0xfe;
/** A byte that may begin an escape. */
export const INTRODUCER = 0xff;

const INTRODUCERS = '%&<=\\';

/** Of each byte: its symbol, OTHER or INTRODUCER. */
export const SYMBOL_OF_BYTE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (INTRODUCERS.includes(character)) return INTRODUCER;
  return /[0-9A-Za-z]/.test(character) ? Number.parseInt(character, SYMBOLS) : OTHER;
});

/** The symbols of a text of single-byte characters, as it stands. */
export function symbolsOf(text: string): Uint8Array {
  const symbols = new Uint8Array(text.length);
  let count = 0;
  for (const byte of Buffer.from(text, 'latin1')) {
    const symbol = SYMBOL_OF_BYTE[byte] ?? OTHER;
    if (symbol < SYMBOLS) symbols[count++] = symbol;
  }
  return symbols.subarray(0, count);
}
