/** In which member a refused body differs from the one that an approved grant states. */

import { differingPointers } from '../../core/action/differences.ts';
import type { NearBody } from '../../core/api/problem.ts';
import { JsonError, type JsonValue, parseStrictJson } from '../../core/text/json.ts';
import { printable } from '../../core/text/url.ts';

const POINTER_CHARACTERS = 200;

/** A sentence for people, by names alone. Empty if there is nothing to say. @param bodyJson of the call */
export function nearBodyText({ grant, json }: NearBody, bodyJson: string): string {
  const [granted, sent] = [json, bodyJson].map(parsed);
  if (granted === undefined || sent === undefined) return '';
  const pointers = differingPointers(sent, granted);
  const [first] = pointers;
  if (first === undefined) return '';
  const place = first === '' ? 'as a whole' : `in ${printable(first, POINTER_CHARACTERS)}`;
  if (pointers.length > 1) {
    return ` The body differs from that of ${grant} in ${pointers.length} members, first ${place}.`;
  }
  const clock =
    isTime(at(sent, first)) && isTime(at(granted, first))
      ? ' That is a time, and another one each time: send a fixed one, or grant the body as Any.'
      : '';
  return ` The body differs from that of ${grant} only ${place}.${clock}`;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

function at(value: JsonValue, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (inner, key) =>
        (inner as Record<string, unknown> | undefined)?.[
          key.replaceAll('~1', '/').replaceAll('~0', '~')
        ],
      value,
    );
}

/** A date with a time (RFC 3339), or seconds or milliseconds since 1970 in this century. */
function isTime(value: unknown): boolean {
  return typeof value === 'number'
    ? value > 1e9 && value < 5e12
    : typeof value === 'string' && /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value);
}
