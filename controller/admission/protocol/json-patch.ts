/** The difference between two objects' members as an RFC 6902 patch: what did not change is not sent back. */

import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation } from './review.ts';

/** Turns `before` into `after`. Both are JSON; `at` is where they stand, such as `/spec`. One level deep. */
export function memberPatch(before: object, after: object, at: string): JsonPatchOperation[] {
  const old = new Map(Object.entries(before));
  const current = Object.entries(after);
  const path = (name: string): string =>
    `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const kept = new Set(current.map(([name]) => name));
  return [
    ...[...old.keys()]
      .filter((name) => !kept.has(name))
      .map((name) => ({ op: 'remove' as const, path: path(name) })),
    ...current
      .filter(([name, value]) => !isDeepStrictEqual(old.get(name), value))
      // 4.1: add replaces a member that is there.
      .map(([name, value]) => ({ op: 'add' as const, path: path(name), value })),
  ];
}
