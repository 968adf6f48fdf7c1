/** Texts as CEL. @throws Error, all of them, for a text that CEL would read as another */

// No sentence has these characters.
const OPEN = '\u27e6';
const CLOSE = '\u27e7';

/** Stands in a sentence for the value that a policy knows by this expression. */
export function cel(expression: string): string {
  return `${OPEN}${expression}${CLOSE}`;
}

/** A sentence with such expressions in it, as one expression. */
export function concatenation(sentence: string): string {
  const [start = '', ...parts] = sentence.split(OPEN);
  const operands = parts.flatMap((part) => {
    const [expression = '', rest = ''] = part.split(CLOSE);
    return [expression, ...literal(rest)];
  });
  return [...literal(start), ...operands].join(' + ');
}

/** Nothing to add for an empty text. */
function literal(text: string): string[] {
  return text === '' ? [] : [celText(text)];
}

/** A list of texts. */
export function celList(texts: readonly string[]): string {
  return `[${texts.map(celText).join(', ')}]`;
}

function celText(text: string): string {
  if (/['\\\n]/.test(text))
    throw new Error(`CEL would read ${JSON.stringify(text)} as another text`);
  return `'${text}'`;
}
