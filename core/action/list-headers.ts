/** Headers whose values are lists: white space around their commas and semicolons means nothing (RFC 9110 5.6.1). */

const LISTS: ReadonlySet<string> = new Set([
  'accept-patch',
  'anthropic-beta',
  'if-match',
  'if-none-match',
  'openai-beta',
  'prefer',
  'range',
  'x-goog-fieldmask',
]);
/** A quoted string stays as it is. */
const SEPARATOR = /("(?:[^"\\]|\\.)*")|[ \t]*([,;])[ \t]*/g;

/** The same headers, with every list in one spelling. */
export function withListsInOneSpelling(
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      LISTS.has(name)
        ? value.replace(
            SEPARATOR,
            (_, quoted?: string, separator?: string) => quoted ?? separator ?? '',
          )
        : value,
    ]),
  );
}
