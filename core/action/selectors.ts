/**
 * Label and field selectors in one spelling. Their terms are joined by "and", so that their order means nothing to the API server,
 * and clients write them in whatever order their maps have: `kubectl describe` another one each time.
 */

/** `!=` and `==` come before `=`, as in k8s.io/apimachinery pkg/fields/selector.go. */
const FIELD_TERM = /^(.*?)(!=|==|=)(.*)$/su;

// k8s.io/apimachinery pkg/labels/selector.go: white space and the order of a set mean nothing.
const KEY = '[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,316}[A-Za-z0-9])?';
const VALUE = '[A-Za-z0-9._-]{0,63}';
const LABEL_TERM = new RegExp(
  `^\\s*(?:(!)\\s*(${KEY})|(${KEY})(?:\\s*(==|!=|=|<|>)\\s*(${VALUE})|\\s+(in|notin)\\s*\\(([A-Za-z0-9._,\\s-]{0,4096})\\))?)\\s*$`,
);

/** UTF-16 code units. A grant can state no longer one. */
const LONGEST = 1024;

/** A query of the API server with its selectors in one spelling. What is no selector to the API server stays as it is. */
export function withOrderedSelectors(
  parameters: Readonly<Record<string, string>>,
): Record<string, string> {
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      (value.length <= LONGEST ? SPELLINGS.get(name)?.(value) : undefined) ?? value,
    ]),
  );
}

const SPELLINGS: ReadonlyMap<string, (selector: string) => string | undefined> = new Map([
  ['fieldSelector', fieldSelector],
  ['labelSelector', labelSelector],
]);

function fieldSelector(selector: string): string | undefined {
  const terms = splitAt(selector, isEscaped).map((term) => {
    const [, field, operator, value] = FIELD_TERM.exec(term) ?? [];
    return field === undefined
      ? undefined
      : `${field}${operator === '==' ? '=' : operator}${value}`;
  });
  return ordered(terms);
}

function labelSelector(selector: string): string | undefined {
  return ordered(splitAt(selector, isInSet).map(labelTerm));
}

function labelTerm(term: string): string | undefined {
  const match = LABEL_TERM.exec(term);
  if (match === null) return undefined;
  const [, not, absent, key, operator, value, set, members] = match;
  if (not !== undefined) return `!${absent}`;
  if (set !== undefined) {
    const values = (members ?? '').split(',').map((member) => member.trim());
    if (values.some((member) => /\s/.test(member))) return undefined;
    return `${key} ${set} (${[...new Set(values)].sort().join(',')})`;
  }
  return operator === undefined ? key : `${key}${operator === '==' ? '=' : operator}${value}`;
}

/** Undefined if one of the terms is none. */
function ordered(terms: readonly (string | undefined)[]): string | undefined {
  return terms.includes(undefined) ? undefined : [...new Set(terms)].sort().join(',');
}

/** At commas that are not part of a term. @param isPart of a comma, by what stands before it */
function splitAt(selector: string, isPart: (before: string) => boolean): string[] {
  const terms: string[] = [];
  let term = '';
  for (const part of selector.split(',')) {
    term += part;
    if (isPart(term)) {
      term += ',';
    } else {
      terms.push(term);
      term = '';
    }
  }
  return term === '' ? terms : [...terms, term];
}

function isEscaped(before: string): boolean {
  return (/\\*$/.exec(before)?.[0].length ?? 0) % 2 === 1;
}

function isInSet(before: string): boolean {
  return before.lastIndexOf('(') > before.lastIndexOf(')');
}
