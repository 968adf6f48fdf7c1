import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventRecord } from '../../../../core/kubernetes/event-object.ts';
import {
  createEventRecorder,
  type EventRecorderOptions,
  type EventReport,
} from '../../../../core/kubernetes/events.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

let stub: StubApiServer;
let clock: FakeClock;
let reports: EventReport[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  clock = new FakeClock();
  reports = [];
  stub.handler = (request, response) => {
    const sent = JSON.parse(request.body);
    answer(response, 200, {
      ...sent,
      metadata: { name: 'x', namespace: 'soc', uid: 'u', ...sent.metadata },
    });
  };
});
afterEach(() => stub[Symbol.asyncDispose]());

async function recorder(options: Partial<EventRecorderOptions> = {}) {
  return createEventRecorder({
    client: await stub.client({ clock }),
    clock,
    reportingController: 'actiongrant.dev/controller',
    reportingInstance: 'pod-1',
    report: (report) => void reports.push(report),
    ...options,
  });
}

function event(note: string, reason = 'Approved'): EventRecord {
  return {
    regarding: {
      apiVersion: 'actiongrant.dev/v1alpha1',
      kind: 'ActionGrant',
      namespace: 'soc',
      name: 'quarantine-host-7',
      uid: '11111111-1111-4111-8111-111111111111',
    },
    type: 'Normal',
    reason,
    action: 'Approve',
    note,
  };
}

const sent = () => stub.requests.map(({ body }) => JSON.parse(body));
const requests = (count: number) =>
  eventually(async () => {
    await clock.advance(50);
    expect(stub.requests).toHaveLength(count);
  });

describe('an event recorder', () => {
  it('creates an Event beside its object', async () => {
    (await recorder()).record(event('it was approved'));
    await requests(1);
    const [request] = stub.requests;
    expect(request?.path).toBe('/apis/events.k8s.io/v1/namespaces/soc/events');
    expect(sent()[0]).toMatchObject({
      metadata: {
        namespace: 'soc',
        name: expect.stringMatching(/^quarantine-host-7\.[0-9a-f]{16}$/),
      },
      regarding: { kind: 'ActionGrant', uid: '11111111-1111-4111-8111-111111111111' },
      eventTime: expect.stringMatching(/^2026-.*\.\d{6}Z$/),
      reportingController: 'actiongrant.dev/controller',
      reportingInstance: 'pod-1',
      action: 'Approve',
      reason: 'Approved',
      note: 'it was approved',
      type: 'Normal',
    });
  });

  it('counts what happens again, and writes the count after ten seconds', async () => {
    const made = await recorder();
    made.record(event('x'));
    await requests(1);
    for (let again = 0; again < 4; again++) made.record(event('x'));
    await clock.advance(9_000);
    expect(stub.requests).toHaveLength(1);
    await requests(2);
    expect(stub.requests[1]?.method).toBe('PATCH');
    expect(sent()[1]).toMatchObject({ series: { count: 5 } });
  });

  it('makes a new Event of what has not happened for long', async () => {
    const made = await recorder();
    made.record(event('x'));
    await requests(1);
    await clock.advance(7 * 60_000);
    made.record(event('x'));
    await requests(2);
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  it('drops and counts what is too much, and never throws', async () => {
    const made = await recorder({ capacity: 2 });
    for (let note = 0; note < 5; note++) made.record(event(String(note)));
    await requests(2);
    expect(reports).toEqual([{ type: 'EventsDropped', count: 3 }]);
    made.record(event('later'));
    await requests(3);
  });

  it('sends one after another, not faster than the API server likes', async () => {
    const made = await recorder();
    for (let note = 0; note < 10; note++) made.record(event(String(note)));
    await eventually(() => expect(stub.requests).toHaveLength(1));
    await clock.advance(49);
    expect(stub.requests).toHaveLength(1);
    await requests(10);
  });

  it('reports what the API server refuses, and goes on', async () => {
    const { handler } = stub;
    stub.handler = (_request, response) => answer(response, 403, status(403, 'Forbidden'));
    const made = await recorder();
    made.record(event('x'));
    await eventually(() => expect(reports).toHaveLength(1));
    expect(reports[0]).toMatchObject({ type: 'EventFailed', error: { kind: 'Forbidden' } });
    stub.handler = handler;
    made.record(event('y'));
    await requests(2);
  });

  it('flushes counts that wait, and does not wait for ever', async () => {
    const made = await recorder();
    made.record(event('x'));
    await requests(1);
    made.record(event('x'));
    await made.flush(1_000);
    expect(sent()[1]).toMatchObject({ series: { count: 2 } });
    stub.handler = () => {};
    made.record(event('y'));
    const flushed = made.flush(1_000);
    await clock.advance(1_000);
    await flushed;
  });

  it('bounds notes, and keeps hostile text from hiding anything', async () => {
    const made = await recorder();
    made.record(event(`a\u202e\n\u0007b${'ä'.repeat(2000)}`));
    await requests(1);
    const { note } = sent()[0];
    expect(note).toMatch(/^a bä+…$/);
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
  });

  it('names Events validly, whatever the object is called', async () => {
    const made = await recorder();
    const long = event('x');
    long.regarding = { ...long.regarding, name: `${'a'.repeat(229)}-b` };
    made.record(long);
    await requests(1);
    expect(sent()[0].metadata.name).toMatch(/^a{229}\.[0-9a-f]{16}$/);
  });
});
