/** Where a call differs from what a grant states, by the names of the fields: never what stands in them. */

import { isRecord, type JsonValue } from '../text/json.ts';
import { printable } from '../text/url.ts';
import type { Action } from './action.ts';
import type { WithoutBody } from './action-type.ts';
import { type BodyPattern, waysToState } from './body.ts';

/** More differences than this are told by their number at most. */
const MANY = 16;

/**
 * The fields of the action in which a call differs. Undefined: the two have so little in common that there is nothing to compare,
 * such as another host.
 */
export function differingFields(
  call: Action,
  granted: { readonly action: WithoutBody<Action>; readonly body: BodyPattern },
): string[] | undefined {
  const { body, ...action } = call;
  const fields: string[] = [];
  for (const name of new Set([...Object.keys(action), ...Object.keys(granted.action)])) {
    const [a, b] = [action, granted.action].map((side) => (side as Record<string, unknown>)[name]);
    if (a === b) continue;
    if (name === 'type') return undefined;
    if (name === 'url') {
      const parts = differingParts(String(a), String(b));
      if (parts === undefined) return undefined;
      fields.push(...parts);
    } else if (isRecord(a) && isRecord(b)) {
      fields.push(...differingMembers(a, b).map((member) => `${name}[${printable(member, 64)}]`));
    } else {
      fields.push(name);
    }
  }
  if (!waysToState(body).some(({ pattern }) => samePattern(pattern, granted.body)))
    fields.push('body');
  return fields;
}

/** The pointers (RFC 6901) to what differs between two JSON values, `MANY` at most. */
export function differingPointers(a: JsonValue, b: JsonValue): string[] {
  const found: string[] = [];
  compare(a, b, '', found);
  return found;
}

function compare(a: unknown, b: unknown, pointer: string, found: string[]): void {
  if (a === b || found.length >= MANY) return;
  const bothLists = Array.isArray(a) && Array.isArray(b) && a.length === b.length;
  const bothObjects = isRecord(a) && isRecord(b);
  if (!bothLists && !bothObjects) {
    found.push(pointer);
    return;
  }
  const [left, right] = [a, b] as Record<string, unknown>[];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const name = key.replaceAll('~', '~0').replaceAll('/', '~1');
    compare(left?.[key], right?.[key], `${pointer}/${name}`, found);
  }
}

function differingMembers(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}

/** Of two URLs of one service: its segments, and its query parameters by name. */
function differingParts(a: string, b: string): string[] | undefined {
  const [left, right] = [a, b].map((url) => /^([^/]*\/\/[^/?]*)([^?]*)\??(.*)$/s.exec(url) ?? []);
  if (left?.[1] !== right?.[1]) return undefined;
  const [from, to] = [left, right].map((match) => (match?.[2] ?? '').split('/'));
  if (from?.length !== to?.length) return undefined;
  const segments = (from ?? []).flatMap((segment, index) =>
    segment === to?.[index] ? [] : [`url, segment ${index} of the path`],
  );
  const [before, after] = [left, right].map((match) => parametersOf(match?.[3] ?? ''));
  if (before?.given !== after?.given && before?.sorted === after?.sorted) {
    return [...segments, 'url, the order of the query'];
  }
  const parameters = differingMembers(before?.values ?? {}, after?.values ?? {});
  return [...segments, ...parameters.map((name) => `url, query parameter ${printable(name, 64)}`)];
}

function parametersOf(query: string): {
  /** In the order in which they were given. */
  given: string;
  sorted: string;
  values: Record<string, string>;
} {
  const pairs = query === '' ? [] : query.split('&');
  const values: Record<string, string> = Object.create(null);
  for (const pair of pairs) {
    const [name = ''] = pair.split('=');
    values[name] = `${values[name] ?? ''}&${pair}`;
  }
  return { given: pairs.join('&'), sorted: pairs.toSorted().join('&'), values };
}

function samePattern(a: BodyPattern, b: BodyPattern): boolean {
  return a.form === b.form && ('sha256' in a ? a.sha256 : '') === ('sha256' in b ? b.sha256 : '');
}
