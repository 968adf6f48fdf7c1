/** YAML whose scalars are JSON strings, so that hostile text can never become structure. */

import { canonicalJson } from '../text/json.ts';

/** A JSON string is a YAML double-quoted scalar (YAML 1.2), and cannot be broken out of. */
export function quote(value: string): string {
  return escaped(canonicalJson(value));
}

/** A line that only people read, whatever stands in the text. @param limit characters of the text */
export function comment(text: string, limit: number): string {
  const shown = text.length > limit ? `${text.slice(0, limit).toWellFormed()}...` : text;
  return `# ${escaped(shown)}`;
}

function escaped(text: string): string {
  // U+0085, U+2028 and U+2029 are line breaks to YAML 1.1 readers, and the rest beyond ASCII may be bidi controls. Past
  // U+FFFF YAML has \U: to kubectl's parser the surrogate pairs of JSON are invalid escapes.
  return text.replace(/[^\x20-\x7e]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff
      ? `\\U${point.toString(16).padStart(8, '0')}`
      : `\\u${point.toString(16).padStart(4, '0')}`;
  });
}

/** A map with its entries indented; nothing for one without entries. */
export function mapLines(name: string, map: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(map);
  return entries.length === 0
    ? []
    : [`${name}:`, ...entries.map(([key, value]) => `  ${quote(key)}: ${quote(value)}`)];
}
