/** The digest of what a grant says, as this release compares it: an earlier one may have recorded another. */

import { grantedAction } from '../../core/action/grant.ts';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { ProblemError } from '../../core/api/problem.ts';

/** By the action's own object, which a cache never changes: an action may hold 32 KiB of JSON, and every call asks. */
const digests = new WeakMap<ActionGrant['spec']['action'], string>();

/** Undefined if it says nothing that a call could match. */
export function digestOf({ spec: { action } }: ActionGrant): string | undefined {
  const known = digests.get(action);
  if (known !== undefined) return known;
  try {
    const { digest } = grantedAction(action);
    digests.set(action, digest);
    return digest;
  } catch (error) {
    // An earlier version, which read grants less strictly, approved this one. The grants beside it must still be found.
    if (error instanceof ProblemError && error.code === 'GrantInvalid') return undefined;
    throw error;
  }
}
