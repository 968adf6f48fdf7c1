/**
 * Characters that people do not see, or that change how they see the others. Whoever decides by a text must see what it says: a
 * line break forges further fields in `kubectl describe`, and bidirectional controls show a text in another order than it is read
 * (CVE-2021-42574).
 */

/**
 * By Unicode category: Cc (controls with line breaks and tabs), Cf (format: bidirectional controls, zero-width characters, the byte
 * order mark, tags), Cs (lone surrogates), Co (private use), Zl and Zp (line and paragraph separators). Then what is no character,
 * and what is ignorable without a category of its own (fillers, variation selectors). The two selectors U+FE0E and U+FE0F are left
 * out, which only choose between text and picture. The joiners (U+200C, U+200D) are in: nobody sees them, and an emoji of several
 * parts shows as its parts without them.
 */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]|(?![\uFE0E\uFE0F])\p{Default_Ignorable_Code_Point}/u;
const EVERY_HIDDEN = new RegExp(HIDDEN.source, 'gu');

export interface HiddenCharacter {
  /** As `U+202E`. */
  codePoint: string;
  /** Counted in characters (code points) from 1. */
  position: number;
  kind: 'LineBreak' | 'Bidi' | 'Control' | 'Invisible';
}

/** The first of them; undefined: people see the text as it is. */
export function findHidden(text: string): HiddenCharacter | undefined {
  const match = HIDDEN.exec(text);
  if (match === null) return undefined;
  const [character] = match;
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return {
    codePoint: `U+${hex}`,
    position: [...text.slice(0, match.index)].length + 1,
    kind: kindOf(character),
  };
}

/** The text with each of them as an escape that JSON has, such as `\u202e`: one line, and valid JSON if the text was. */
export function escapeHidden(text: string): string {
  return text.replace(EVERY_HIDDEN, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function kindOf(character: string): HiddenCharacter['kind'] {
  if (/[\n\v\f\r\u0085\u2028\u2029]/.test(character)) return 'LineBreak';
  if (/\p{Bidi_Control}/u.test(character)) return 'Bidi';
  return /\p{Cc}/u.test(character) ? 'Control' : 'Invisible';
}
