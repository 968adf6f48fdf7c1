import { expect, it } from 'vitest';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { createEventRecorder } from '../../core/kubernetes/events.ts';
import { systemClock } from '../../core/time/clock.ts';
import { shareControlPlane } from '../support/shared.ts';

const plane = await shareControlPlane();

it('Events are created and counted', async () => {
  const client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: plane.adminKubeconfig },
    userAgent: 'actiongrant-test/0',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  const namespace = await plane.createNamespace('events');
  const reports: unknown[] = [];
  const events = createEventRecorder({
    client,
    clock: systemClock,
    reportingController: 'actiongrant.dev/controller',
    reportingInstance: 'pod-1',
    report: (report) => void reports.push(report),
  });
  const record = (note: string) =>
    events.record({
      regarding: {
        apiVersion: 'actiongrant.dev/v1alpha1',
        kind: 'ActionGrant',
        namespace,
        name: 'a',
        uid: '11111111-1111-4111-8111-111111111111',
      },
      type: 'Normal',
      reason: 'Approved',
      action: 'Approve',
      note,
    });
  record('once');
  record('twice');
  await events.flush(30_000);
  record('twice');
  await events.flush(30_000);
  expect(reports).toEqual([]);
  const found = await plane.kubectl(['get', 'events', '-n', namespace, '-o', 'json']);
  const seen = JSON.parse(found.stdout).items.map(
    ({ message, series }: { message: string; series?: { count: number } }) => [
      message,
      series?.count,
    ],
  );
  expect(seen.sort()).toEqual([
    ['once', undefined],
    ['twice', 2],
  ]);
  await client.close();
});
