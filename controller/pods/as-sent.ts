/**
 * What of a pod was in it when it was sent, before admission changed it. The API server writes `managedFields` before it asks
 * the first webhook, so what they do not name was added by admission plugins or other webhooks. Good for words only: whoever
 * sends a pod may send it with managedFields of their own.
 */

import { isRecord } from '../../core/text/json.ts';
import type { Pod } from './pod.ts';

type FieldSet = Readonly<Record<string, unknown>>;

/**
 * @param field as in `spec.containers[0].securityContext.privileged` or `metadata.annotations[name]`
 * @returns undefined if nothing tells
 */
export function isAsSent(pod: Pod, field: string): boolean | undefined {
  const sets = (pod.metadata?.managedFields ?? []).flatMap((entry) => {
    const fields = isRecord(entry) ? entry['fieldsV1'] : undefined;
    return isRecord(fields) ? [fields] : [];
  });
  if (sets.length === 0) return undefined;
  return sets.some((fields) => isNamed(fields, pod, segmentsOf(field)));
}

function isNamed(fields: FieldSet, value: unknown, [segment, ...rest]: readonly string[]): boolean {
  const inside = segment === undefined ? undefined : memberOf(value, segment);
  // The field is not there, so it cannot have been added: what counts is what should hold it.
  if (segment === undefined || inside === undefined) return true;
  const members = Object.keys(fields).filter((name) => name !== '.');
  // An atomic list or map has one owner.
  if (members.length === 0) return true;
  const key = Array.isArray(value)
    ? members.find((name) => isKeyOf(name, inside))
    : members.find((name) => name === `f:${segment}`);
  const next = key === undefined ? undefined : fields[key];
  return isRecord(next) && isNamed(next, inside, rest);
}

/** Names and indices: the text in brackets may be a name that has dots. */
function segmentsOf(field: string): string[] {
  return [...field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(([, bracketed, plain]) =>
    (bracketed ?? plain ?? '').replace(/^"(.*)"$/, '$1'),
  );
}

function memberOf(value: unknown, segment: string): unknown {
  if (Array.isArray(value)) return value[Number(segment)];
  return isRecord(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
}

/** `k:{"name":"agent"}` names the item whose members are these. */
function isKeyOf(name: string, item: unknown): boolean {
  if (!name.startsWith('k:') || !isRecord(item)) return false;
  try {
    const keys: unknown = JSON.parse(name.slice(2));
    return isRecord(keys) && Object.entries(keys).every(([key, value]) => item[key] === value);
  } catch {
    return false;
  }
}
