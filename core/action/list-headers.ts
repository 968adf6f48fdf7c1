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
/** A quoted string, white space, a separator, or what is between them; up to a quote that nothing closes. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[ \t]+|[,;]|[^ \t,;"]+/gy;
/** Behind such a quote no other one closes, either. */
const TOKENS_OF_REST = /[ \t]+|[,;]|[^ \t,;]+/g;

/** The same headers, with every list in one spelling. */
export function withListsInOneSpelling(
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      LISTS.has(name) ? inOneSpelling(value) : value,
    ]),
  );
}

/** Token by token: a pattern that looks for white space before a separator takes quadratic time on a long run of it. */
function inOneSpelling(value: string): string {
  let spelled = '';
  let blanks = '';
  let isAfterSeparator = false;
  for (const token of tokensOf(value)) {
    const isSeparator = token === ',' || token === ';';
    if (token.trim() === '') {
      blanks = token;
      continue;
    }
    spelled += isSeparator || isAfterSeparator ? token : blanks + token;
    blanks = '';
    isAfterSeparator = isSeparator;
  }
  return isAfterSeparator ? spelled : spelled + blanks;
}

function* tokensOf(value: string): Generator<string> {
  let end = 0;
  for (const { 0: token, index } of value.matchAll(TOKENS)) {
    yield token;
    end = index + token.length;
  }
  for (const [token] of value.slice(end).matchAll(TOKENS_OF_REST)) yield token;
}
