/** P18: nothing in a new grant is hidden from whoever decides it. */

import { findHidden, type HiddenCharacter } from '../../../core/text/hidden.ts';
import { isRecord } from '../../../core/text/json.ts';

export interface HiddenText {
  field: string;
  /** Reads on from the field, without the full stop. */
  reason: string;
}

const WORDS: Readonly<Record<HiddenCharacter['kind'], string>> = {
  LineBreak: 'a line break',
  Bidi: 'a character that changes the direction of text',
  Control: 'a control character',
  Invisible: 'an invisible character',
};

/** JSON has an escape for every character, and says the same with it. */
const JSON_FIELD = /\.(?:json|arguments)$/;

/** The first text of the object, key or value, that has a hidden character; undefined: everything can be seen. */
export function findHiddenText(object: unknown): HiddenText | undefined {
  return search(object, '');
}

function search(value: unknown, path: string): HiddenText | undefined {
  // Written by the API server, and shown by nothing unless asked for.
  if (path === 'metadata.managedFields') return undefined;
  if (typeof value === 'string') return inText(value, path);
  if (Array.isArray(value)) {
    return first(value.entries(), ([index, item]) => search(item, `${path}[${index}]`));
  }
  if (!isRecord(value)) return undefined;
  return first(Object.entries(value), ([key, item]) => {
    const hidden = findHidden(key);
    return hidden === undefined
      ? search(item, memberPath(path, key))
      : { field: path, reason: `a key ${reasonFor(hidden, '')}` };
  });
}

function first<T>(
  items: Iterable<T>,
  look: (item: T) => HiddenText | undefined,
): HiddenText | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inText(text: string, field: string): HiddenText | undefined {
  // kubectl apply ends its annotation with one line break, and describe leaves it out.
  const shown = field.startsWith('metadata.annotations') ? text.replace(/\n$/, '') : text;
  const hidden = findHidden(shown);
  return hidden === undefined ? undefined : { field, reason: reasonFor(hidden, field) };
}

function reasonFor({ kind, codePoint, position }: HiddenCharacter, field: string): string {
  return `has ${WORDS[kind]} (${codePoint}) at character ${position}, which whoever decides would not see. ${wayOut(kind, codePoint, field)}`;
}

function wayOut(kind: HiddenCharacter['kind'], codePoint: string, field: string): string {
  if (!JSON_FIELD.test(field)) return 'Write plain text on one line';
  return kind === 'LineBreak' || kind === 'Control'
    ? 'Write the JSON on one line without tabs, as jq -c prints it'
    : `Write the character as a JSON escape (\\u and the digits of ${codePoint})`;
}

function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z]\w*$/.test(key)) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}
