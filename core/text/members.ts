/**
 * Readers of the members of parsed JSON, for messages between our own processes: what is unknown, missing or of another form
 * is an error that names the member, never a default. `field` is the member's path, as the error gives it.
 * All of them throw ProblemError RequestMalformed.
 */

import { ProblemError } from '../api/problem.ts';
import { isRecord } from './json.ts';
import { printable } from './url.ts';

/** An object with these members and no other; `optional: null` lets any other member be. */
export function record(
  value: unknown,
  field: string,
  required: readonly string[],
  optional: readonly string[] | null = [],
): Record<string, unknown> {
  if (!isRecord(value)) throw malformed(field, 'must be a JSON object');
  for (const name of required) {
    if (!Object.hasOwn(value, name)) throw malformed(`${field}.${name}`, 'is missing');
  }
  if (optional !== null) {
    for (const name of Object.keys(value)) {
      if (!required.includes(name) && !optional.includes(name)) {
        throw malformed(`${field}.${printable(name, 60)}`, 'is not a known member');
      }
    }
  }
  return value;
}

/** @param limit most UTF-16 code units */
export function text(value: unknown, field: string, limit: number, mayBeEmpty = false): string {
  if (typeof value !== 'string') throw malformed(field, 'must be a string');
  if (value === '' && !mayBeEmpty) throw malformed(field, 'must not be empty');
  if (value.length > limit) throw malformed(field, `must have at most ${limit} characters`);
  return value;
}

/** @param what the pattern in words, after "must be" */
export function textMatching(value: unknown, field: string, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw malformed(field, `must be ${what}`);
  }
  return value;
}

/** Both bounds are included. */
export function integer(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw malformed(field, `must be an integer from ${min} to ${max}`);
  }
  return value;
}

export function oneOf<T extends string>(value: unknown, field: string, values: readonly T[]): T {
  const found = values.find((v) => v === value);
  if (found === undefined) throw malformed(field, `must be one of ${values.join(', ')}`);
  return found;
}

/** Any names, with texts that may be empty. */
export function textMap(
  value: unknown,
  field: string,
  limit: number,
  valueLimit: number,
): Record<string, string> {
  const entries = Object.entries(record(value, field, [], null));
  if (entries.length > limit) throw malformed(field, `must have at most ${limit} members`);
  // Not by assignment: `__proto__` is a valid field name (RFC 9110 5.1), and must not vanish from what is compared.
  return Object.fromEntries(
    entries.map(([name, v]) => [
      name,
      text(v, `${field}.${printable(name, 60)}`, valueLimit, true),
    ]),
  );
}

export function malformed(field: string, reason: string): ProblemError {
  return new ProblemError('RequestMalformed', `${field} ${reason}.`, { field });
}
