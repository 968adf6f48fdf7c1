/**
 * One place that turns what happened to a grant into an Event, a metric and a log line, so that the three never disagree.
 * (The condition is written with the status, in grants/transitions.)
 */

import type { ActionGrant, Outcome } from '../../core/api/generated/actiongrant.ts';
import { API_GROUP, API_VERSION } from '../../core/api/names.ts';
import { isTerminal } from '../../core/api/phase.ts';
import type { EventRecorder } from '../../core/kubernetes/events.ts';
import type { LogFields, Logger } from '../../process/log.ts';
import type { ControllerMetrics } from './metrics.ts';

export interface Reporter {
  decisionNeeded(grant: ActionGrant): void;
  approved(grant: ActionGrant): void;
  /** The line that must be there before the credential is handed over. */
  consumed(grant: ActionGrant, use: { nonce: string; pod: string; credentialID?: string }): void;
  used(
    grant: ActionGrant,
    use: { nonce: string; outcome: Outcome; responseCode?: number; reason?: string },
  ): void;
  expired(grant: ActionGrant): void;
  revoked(
    grant: ActionGrant,
    result: 'Confirmed' | 'Unconfirmed' | 'Failed',
    details: { nonce?: string; seconds?: number; error?: unknown },
  ): void;
  /** A grant is gone from the API server; by whom, the audit log of the API server says. */
  deleted(grant: ActionGrant): void;
  /** The line that must be there before a finished grant is deleted: the last record of it. */
  collected(grant: ActionGrant, reason: string): void;
}

export interface ReporterDependencies {
  log: Logger;
  events: EventRecorder;
  metrics: ControllerMetrics;
  now(): number;
}

export function createReporter({ log, events, metrics, now }: ReporterDependencies): Reporter {
  const event = (
    grant: ActionGrant,
    type: 'Normal' | 'Warning',
    reason: string,
    note: string,
  ): void => {
    const { namespace, name, uid } = grant.metadata;
    events.record({
      regarding: {
        apiVersion: `${API_GROUP}/${API_VERSION}`,
        kind: 'ActionGrant',
        namespace,
        name,
        uid,
      },
      type,
      reason,
      action: reason,
      note,
    });
  };
  const sinceCreation = (grant: ActionGrant): number =>
    Math.max(0, (now() - Date.parse(grant.metadata.creationTimestamp)) / 1000);

  return {
    decisionNeeded(grant) {
      log.info('a grant waits for a decision', fieldsOf(grant));
      event(
        grant,
        'Normal',
        'DecisionNeeded',
        `${grant.status?.summary ?? 'The action'} waits for a decision.`,
      );
    },
    approved(grant) {
      const labels = { decision: 'Approve', source: 'human' };
      metrics.decisions.inc(labels);
      metrics.decisionWait.observe(labels, sinceCreation(grant));
      log.info('a grant was approved', fieldsOf(grant));
      event(
        grant,
        'Normal',
        'Approved',
        `${grant.status?.summary ?? 'The action'} may be done once.`,
      );
    },
    consumed(grant, use) {
      log.info('a grant was consumed', { ...fieldsOf(grant), ...use });
    },
    used(grant, use) {
      metrics.uses.inc({ action_type: grant.spec.action.type, outcome: use.outcome });
      log.info('a use ended', { ...fieldsOf(grant), ...use });
      if (use.outcome === 'Unknown') {
        event(
          grant,
          'Warning',
          'OutcomeUnknown',
          `Whether the call took effect is not known (${use.reason ?? 'no reason given'}). It is never retried.`,
        );
      } else {
        event(grant, 'Normal', 'Used', `The use ended: ${use.outcome}.`);
      }
    },
    expired(grant) {
      // Its approval is on record if there was one; without one, this is how it was decided.
      if (grant.status?.approvalTime === undefined) {
        const labels = { decision: 'Expire', source: 'human' };
        metrics.decisions.inc(labels);
        metrics.decisionWait.observe(labels, sinceCreation(grant));
      }
      log.info('a grant expired', fieldsOf(grant));
      event(grant, 'Normal', 'Expired', 'The grant expired unused.');
    },
    revoked(grant, result, { nonce, seconds, error }) {
      metrics.revocations.inc({ result });
      if (seconds !== undefined) metrics.revocationConfirmation.observe(seconds);
      const fields = { ...fieldsOf(grant), nonce, seconds, result, error };
      if (result === 'Confirmed') {
        log.info('a credential was revoked', fields);
        return;
      }
      log.warn('a revocation was not confirmed', fields);
      event(
        grant,
        'Warning',
        'RevocationUnconfirmed',
        result === 'Failed'
          ? 'The Secret of the credential could not be deleted; it is tried again.'
          : 'Nobody could confirm that the API server refuses the credential.',
      );
    },
    deleted(grant) {
      const ended = grant.status !== undefined && isTerminal(grant.status.phase);
      if (!ended) log.info('a grant was deleted before its end, which revokes it', fieldsOf(grant));
    },
    collected(grant, reason) {
      log.info('a grant that has ended is deleted', {
        ...fieldsOf(grant),
        reason,
        spec: { agent: grant.spec.agent, requester: grant.spec.requester },
        status: grant.status,
      });
    },
  };
}

function fieldsOf(grant: ActionGrant): LogFields {
  return {
    namespace: grant.metadata.namespace,
    grant: grant.metadata.name,
    uid: grant.metadata.uid,
    phase: grant.status?.phase,
    summary: grant.status?.summary,
  };
}
