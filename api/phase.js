/** The phases of a grant, and the only moves between them. The CRD's CEL rules hold the same table. */
/** `''` is a grant without status yet. */
export const PHASE_MOVES = {
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
export function isTerminal(phase) {
  return PHASE_MOVES[phase].length === 0;
}
