/** What is said of everything that happens to a grant: a log line, and for some an Event and a measurement. A table of values. */

import type { ActionGrant, Outcome } from '../../core/api/generated/actiongrant.ts';
import { hasEnded } from '../../core/api/grant.ts';
import type { LogFields } from '../../process/log.ts';
import type { ControllerMetrics } from './metrics.ts';

export interface Entry {
  level: 'info' | 'warn';
  /** A constant; what varies is in `fields`. */
  message: string;
  /** Besides those that say which grant it is. */
  fields?: LogFields;
  event?: { type: 'Normal' | 'Warning'; reason: string; note: string };
  /** @param age of the grant, seconds */
  measure?(metrics: ControllerMetrics, age: number): void;
}

const summaryOf = ({ status }: ActionGrant): string => status?.summary ?? 'The action';

/** Counts how a grant was decided, and how long that took. */
const decided =
  (decision: 'Approve' | 'Deny' | 'Expire'): NonNullable<Entry['measure']> =>
  ({ decisions, decisionWait }, age) => {
    const labels = { decision, source: 'human' };
    decisions.inc(labels);
    decisionWait.observe(labels, age);
  };

export const ENTRIES = {
  decisionNeeded: (grant: ActionGrant): Entry => ({
    level: 'info',
    message: 'a grant waits for a decision',
    event: {
      type: 'Normal',
      reason: 'DecisionNeeded',
      note: `${summaryOf(grant)} waits for a decision.`,
    },
  }),

  approved: (grant: ActionGrant): Entry => ({
    level: 'info',
    message: 'a grant was approved',
    event: { type: 'Normal', reason: 'Approved', note: `${summaryOf(grant)} may be done once.` },
    measure: decided('Approve'),
  }),

  /** The line that must be there before the credential is handed over. */
  consumed: (
    _grant: ActionGrant,
    use: { nonce: string; pod: string; credentialID?: string },
  ): Entry => ({ level: 'info', message: 'a grant was consumed', fields: use }),

  used: (
    grant: ActionGrant,
    use: { nonce: string; outcome: Outcome; responseCode?: number; reason?: string },
  ): Entry => ({
    level: 'info',
    message: 'a use ended',
    fields: use,
    event:
      use.outcome === 'Unknown'
        ? {
            type: 'Warning',
            reason: 'OutcomeUnknown',
            note: `Whether the call took effect is not known (${use.reason ?? 'no reason given'}). It is never retried.`,
          }
        : { type: 'Normal', reason: 'Used', note: `The use ended: ${use.outcome}.` },
    measure({ uses }) {
      uses.inc({ action_type: grant.spec.action.type, outcome: use.outcome });
    },
  }),

  expired: (grant: ActionGrant): Entry => ({
    level: 'info',
    message: 'a grant expired',
    event: { type: 'Normal', reason: 'Expired', note: 'The grant expired unused.' },
    // Its approval is on record if there was one; without one, this is how it was decided.
    ...(grant.status?.approvalTime === undefined ? { measure: decided('Expire') } : {}),
  }),

  revoked(
    _grant: ActionGrant,
    result: 'Confirmed' | 'Unconfirmed' | 'Failed',
    { nonce, seconds, error }: { nonce?: string; seconds?: number; error?: unknown },
  ): Entry {
    const said = {
      fields: { nonce, seconds, result, error },
      measure({ revocations, revocationConfirmation }: ControllerMetrics) {
        revocations.inc({ result });
        if (seconds !== undefined) revocationConfirmation.observe(seconds);
      },
    };
    if (result === 'Confirmed') {
      return { level: 'info', message: 'a credential was revoked', ...said };
    }
    const note =
      result === 'Failed'
        ? 'The Secret of the credential could not be deleted; it is tried again.'
        : 'Nobody could confirm that the API server refuses the credential.';
    return {
      level: 'warn',
      message: 'a revocation was not confirmed',
      event: { type: 'Warning', reason: 'RevocationUnconfirmed', note },
      ...said,
    };
  },

  /** A grant is gone; the API server's audit log says by whom. That a grant goes after its end is no news. */
  deleted: (grant: ActionGrant): Entry | undefined =>
    hasEnded(grant)
      ? undefined
      : { level: 'info', message: 'a grant was deleted before its end, which revokes it' },

  /** The line that must be there before a grant that has ended is deleted: the last record of it. */
  removed: (grant: ActionGrant, reason: string): Entry => ({
    level: 'info',
    message: 'a grant that has ended is deleted',
    fields: {
      reason,
      spec: { agent: grant.spec.agent, requester: grant.spec.requester },
      status: grant.status,
    },
  }),
};
