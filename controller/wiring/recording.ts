/** Where a replica says what happens: metrics, Events and the log. */

import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createEventRecorder, type EventRecorder } from '../../core/kubernetes/events.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { createRegistry, type Registry } from '../../process/metrics.ts';
import { type ControllerMetrics, createControllerMetrics } from '../record/metrics.ts';
import { createGrantRecorder, type GrantRecorder } from '../record/recorder.ts';

export interface Recording {
  registry: Registry;
  metrics: ControllerMetrics;
  recorder: GrantRecorder;
  /** Apart from those of grants, so that what agents provoke never crowds out what happens to grants. */
  refusalEvents: EventRecorder;
  /** Sends the Events that wait. */
  flush(): Promise<void>;
}

export interface RecordingOptions {
  client: KubernetesClient;
  clock: Clock;
  log: Logger;
  /** Of this replica, as Events name it. */
  identity: string;
  version: string;
}

const FLUSH_MILLISECONDS = 1_000;

export function createRecording(options: RecordingOptions): Recording {
  const { client, clock, log, identity, version } = options;
  const registry = createRegistry(version);
  const metrics = createControllerMetrics(registry);
  const recordEvents = (): EventRecorder =>
    createEventRecorder({
      client,
      clock,
      reportingController: 'actiongrant.dev/controller',
      reportingInstance: identity,
      report: (report) => log.debug('an Event was not recorded', { ...report }),
    });
  const events = recordEvents();
  const refusalEvents = recordEvents();
  return {
    registry,
    metrics,
    recorder: createGrantRecorder({ log, events, metrics, now: clock.now }),
    refusalEvents,
    async flush() {
      await Promise.all([events, refusalEvents].map((each) => each.flush(FLUSH_MILLISECONDS)));
    },
  };
}
