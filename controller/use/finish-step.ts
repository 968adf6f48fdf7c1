/** What the report of a use's end leads to. Pure. */

import type { ActionGrant, Outcome, Use } from '../../core/api/generated/actiongrant.ts';
import { attemptsUsed, currentUse } from '../../core/api/grant.ts';
import { MAX_ATTEMPTS } from '../../core/api/names.ts';
import type { Caller } from './caller.ts';

export type FinishStep =
  /** Another pod's use: refuse, and change nothing. */
  | { type: 'NotYours' }
  /**
   * The use has ended already: by another report, by the reconciler, or by a write of ours whose answer was lost. Say how it
   * ended, and change nothing. `confirm`: nobody has seen yet that its credential is refused.
   */
  | { type: 'Late'; confirm: boolean }
  /** Nothing was sent: revoke, then make the grant usable for this attempt, counted from 0. */
  | { type: 'GiveBack'; attempt: number }
  /** Revoke, then record the outcome. */
  | { type: 'Close' };

export function finishStep(
  grant: ActionGrant,
  use: Use,
  caller: Pick<Caller, 'podUID'>,
  outcome: Outcome,
): FinishStep {
  if (use.podUID !== caller.podUID) return { type: 'NotYours' };
  // A late report of an earlier attempt must not touch a later one.
  if (currentUse(grant)?.id !== use.id) {
    const { credential } = use;
    return {
      type: 'Late',
      confirm: credential !== undefined && credential.rejectedTime === undefined,
    };
  }
  const attempt = attemptsUsed(grant) + 1;
  return outcome === 'NotDispatched' && attempt < MAX_ATTEMPTS
    ? { type: 'GiveBack', attempt }
    : { type: 'Close' };
}
