/** Every mutation; each name begins with the ID in SECURITY.md of the promise that rests on what is taken out. */

import { guardMutations } from './guards.ts';
import { packetFilterMutations } from './packet-filter.ts';
import { policyMutations } from './policies.ts';
import { promiseMutations } from './promise-guards.ts';
import { ruleTableMutations } from './rule-tables.ts';
import type { Mutation } from './run-mutations.ts';

export function allMutations(): Mutation[] {
  return [
    ...guardMutations(),
    ...promiseMutations(),
    ...packetFilterMutations(),
    ...policyMutations(),
    ...ruleTableMutations(),
  ];
}
