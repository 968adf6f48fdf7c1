/** What a grant says, as this release compares it: an earlier one may have recorded another digest. */

import { type GrantedAction, grantedAction } from '../../core/action/grant.ts';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { ProblemError } from '../../core/api/problem.ts';

/** By the action's own object, which a cache never changes: an action may hold 32 KiB of JSON, and every call asks. */
const known = new WeakMap<ActionGrant['spec']['action'], GrantedAction>();

/** Undefined if it says nothing that a call could match. */
export function grantedOf({ spec: { action } }: ActionGrant): GrantedAction | undefined {
  const before = known.get(action);
  if (before !== undefined) return before;
  try {
    const granted = grantedAction(action);
    known.set(action, granted);
    return granted;
  } catch (error) {
    // An earlier version, which read grants less strictly, approved this one. The grants beside it must still be found.
    if (error instanceof ProblemError && error.code === 'GrantInvalid') return undefined;
    throw error;
  }
}

export function digestOf(grant: ActionGrant): string | undefined {
  return grantedOf(grant)?.digest;
}
