import { beforeEach, describe, expect, it } from 'vitest';
import { createControllerMetrics } from '../../../../controller/record/metrics.ts';
import { createGrantRecorder, type GrantRecorder } from '../../../../controller/record/recorder.ts';
import type { EventRecord } from '../../../../core/kubernetes/event-object.ts';
import { createLogger } from '../../../../process/log.ts';
import { Registry } from '../../../../process/metrics.ts';
import {
  aFinishedStatus,
  aGrant,
  anApprovedStatus,
  anInUseStatus,
  aPendingStatus,
  aStatus,
  NOON,
} from '../../../support/builders.ts';

const AGE_SECONDS = 7;
const SUMMARY = 'POST edr.example.com/v1/hosts/host-7/quarantine';

let lines: Record<string, unknown>[];
let events: EventRecord[];
let registry: Registry;
let recorder: GrantRecorder;

beforeEach(() => {
  lines = [];
  events = [];
  registry = new Registry();
  const now = () => Date.parse(NOON) + AGE_SECONDS * 1000;
  recorder = createGrantRecorder({
    log: createLogger({
      level: 'info',
      fields: {},
      write: (line) => void lines.push(JSON.parse(line)),
      now,
    }),
    events: { record: (event) => void events.push(event), async flush() {} },
    metrics: createControllerMetrics(registry),
    now,
  });
});

/** The values of a metric that are not zero, by its labels. */
async function counted(name: string): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(name)?.get();
  const values = metric?.values ?? [];
  return Object.fromEntries(
    values
      .filter((each) => each.value !== 0 && !('le' in each.labels))
      .map((each) => [Object.values(each.labels).join(' '), each.value]),
  );
}

const PENDING = aGrant({ status: aPendingStatus() });
const APPROVED = aGrant({ status: anApprovedStatus() });
const IN_USE = aGrant({ status: anInUseStatus() });
const FINISHED = aGrant({ status: aFinishedStatus() });
const USE = { nonce: 'nonce-1', pod: 'soc/incident-agent-0' };

interface Row {
  what: string;
  happens(to: GrantRecorder): void;
  line: Record<string, unknown>;
  event?: Partial<EventRecord>;
}

describe('what happens to a grant is logged, and told as an Event', () => {
  it.each<Row>([
    {
      what: 'it waits for a decision',
      happens: (to) => to.decisionNeeded(PENDING),
      line: { level: 'info', message: 'a grant waits for a decision', phase: 'Pending' },
      event: {
        type: 'Normal',
        reason: 'DecisionNeeded',
        note: `${SUMMARY} waits for a decision.`,
      },
    },
    {
      what: 'it is approved',
      happens: (to) => to.approved(APPROVED),
      line: { level: 'info', message: 'a grant was approved', phase: 'Approved' },
      event: { type: 'Normal', reason: 'Approved', note: `${SUMMARY} may be done once.` },
    },
    {
      what: 'it is consumed',
      happens: (to) => to.consumed(IN_USE, { ...USE, credentialID: 'jti-1' }),
      line: { message: 'a grant was consumed', ...USE, credentialID: 'jti-1' },
    },
    {
      what: 'its use ends',
      happens: (to) =>
        to.used(FINISHED, { nonce: 'nonce-1', outcome: 'Failed', responseCode: 503 }),
      line: {
        message: 'a use ended',
        nonce: 'nonce-1',
        outcome: 'Failed',
        responseCode: 503,
      },
      event: { type: 'Normal', reason: 'Used', note: 'The use ended: Failed.' },
    },
    {
      what: 'nobody knows how its use ended',
      happens: (to) =>
        to.used(FINISHED, { nonce: 'nonce-1', outcome: 'Unknown', reason: 'its pod is gone' }),
      line: { message: 'a use ended', outcome: 'Unknown', reason: 'its pod is gone' },
      event: {
        type: 'Warning',
        reason: 'OutcomeUnknown',
        note: 'Whether the call took effect is not known (its pod is gone). It is never retried.',
      },
    },
    {
      what: 'it expires',
      happens: (to) => to.expired(aGrant({ status: aStatus('Expired') })),
      line: { level: 'info', message: 'a grant expired', phase: 'Expired' },
      event: { type: 'Normal', reason: 'Expired', note: 'The grant expired unused.' },
    },
    {
      what: 'its credential is seen to be refused',
      happens: (to) => to.revoked(FINISHED, 'Confirmed', { nonce: 'nonce-1', seconds: 1 }),
      line: { level: 'info', message: 'a credential was revoked', seconds: 1 },
    },
    {
      what: 'nobody could see its credential refused',
      happens: (to) => to.revoked(FINISHED, 'Unconfirmed', { nonce: 'nonce-1' }),
      line: { level: 'warn', message: 'a revocation was not confirmed', result: 'Unconfirmed' },
      event: {
        type: 'Warning',
        reason: 'RevocationUnconfirmed',
        note: 'Nobody could confirm that the API server refuses the credential.',
      },
    },
    {
      what: 'its credential could not be revoked yet',
      happens: (to) => to.revoked(IN_USE, 'Failed', { error: new Error('no') }),
      line: { level: 'warn', message: 'a revocation was not confirmed', result: 'Failed' },
      event: {
        type: 'Warning',
        reason: 'RevocationUnconfirmed',
        note: 'The Secret of the credential could not be deleted; it is tried again.',
      },
    },
    {
      what: 'it is deleted before its end',
      happens: (to) => to.deleted(APPROVED),
      line: { message: 'a grant was deleted before its end, which revokes it' },
    },
    {
      what: 'it is deleted after its end by the controller',
      happens: (to) => to.removed(FINISHED, 'its time to live is over'),
      line: {
        message: 'a grant that has ended is deleted',
        reason: 'its time to live is over',
        spec: { agent: { serviceAccountName: 'incident-agent' } },
        status: FINISHED.status,
      },
    },
  ])('$what', ({ happens, line, event }) => {
    happens(recorder);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject(line);
    expect(events).toHaveLength(event === undefined ? 0 : 1);
    if (event !== undefined) expect(events[0]).toMatchObject({ ...event, action: event.reason });
  });

  it('with the very grant that it is about', () => {
    recorder.approved(APPROVED);
    const { namespace, name, uid } = APPROVED.metadata;
    expect(lines[0]).toMatchObject({ namespace, grant: name, uid, summary: SUMMARY });
    expect(events[0]?.regarding).toEqual({
      apiVersion: 'actiongrant.dev/v1alpha1',
      kind: 'ActionGrant',
      namespace,
      name,
      uid,
    });
  });

  it('but its deletion after its end is nothing new', () => {
    recorder.deleted(FINISHED);
    expect([...lines, ...events]).toEqual([]);
  });
});

describe('what happens to a grant is measured', () => {
  it('as decisions, with the time they took', async () => {
    recorder.approved(APPROVED);
    expect(await counted('actiongrant_decisions_total')).toEqual({
      'Approve human': 1,
    });
    expect(await registry.metrics()).toContain(
      `actiongrant_decision_wait_seconds_sum{decision="Approve",source="human"} ${AGE_SECONDS}`,
    );
  });

  it('as a decision by time, if it expires undecided, and not again if it was approved', async () => {
    recorder.expired(PENDING);
    recorder.expired(APPROVED);
    expect(await counted('actiongrant_decisions_total')).toEqual({ 'Expire human': 1 });
  });

  it('as uses, by type of action and outcome', async () => {
    recorder.used(FINISHED, { nonce: 'nonce-1', outcome: 'Succeeded' });
    expect(await counted('actiongrant_uses_total')).toEqual({ 'HTTP Succeeded': 1 });
  });

  it('as revocations, by how sure anybody is', async () => {
    recorder.revoked(FINISHED, 'Confirmed', { seconds: 2 });
    recorder.revoked(FINISHED, 'Unconfirmed', {});
    expect(await counted('actiongrant_revocations_total')).toEqual({
      Confirmed: 1,
      Unconfirmed: 1,
    });
  });
});
