/** A guard of the code that a promise of SECURITY.md rests on, and how to take it out. */

import type { Change, Mutation } from './run-mutations.ts';

export interface Guard {
  /** The ID in SECURITY.md of the promise that would not hold without it. */
  readonly promise: string;
  /** What it is, in words from the titles of the tests that miss it. */
  readonly guard: string;
  /** Where they are: one of the tests that the promise names. */
  readonly file: string;
  readonly changes: readonly Change[];
}

export function mutationsOf(guards: readonly Guard[]): Mutation[] {
  return guards.map(({ promise, guard, file, changes }) => ({
    name: `${promise}: ${guard}`,
    file,
    tests: guard,
    changes,
  }));
}
