/** The phases of a grant, and the only moves between them. The CRD's CEL rules hold the same table. */

import type { Outcome, Phase } from './generated/actiongrant.ts';

export type { Outcome, Phase };

/** `''` is a grant without status yet. */
export const PHASE_MOVES: Readonly<Record<Phase | '', readonly Phase[]>> = {
  '': ['Pending', 'Approved', 'Denied', 'Expired', 'Revoked'],
  Pending: ['Approved', 'Denied', 'Expired', 'Revoked'],
  Approved: ['InUse', 'Expired', 'Revoked'],
  // Back to Approved only when no byte of the request was written (NotDispatched) and attempts are left.
  InUse: ['Approved', 'Finished', 'Revoked'],
  Finished: [],
  Denied: [],
  Expired: [],
  Revoked: [],
};

export function isTerminal(phase: Phase): boolean {
  return PHASE_MOVES[phase].length === 0;
}
