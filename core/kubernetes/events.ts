/** Records Kubernetes Events without ever holding up or failing what they tell about. */

import { randomBytes } from 'node:crypto';
import type { Clock } from '../time/clock.ts';
import { within } from '../time/deadline.ts';
import { pause } from '../time/pause.ts';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './error.ts';
import {
  boundedNote,
  type Event,
  type EventOccurrences,
  type EventRecord,
  type EventSource,
  eventObject,
  events,
  keyOfEvent,
  seriesOf,
} from './event-object.ts';
import type { Live } from './object.ts';

export type EventReport =
  | { type: 'EventFailed'; error: unknown }
  /** Of all since the last report. */
  | { type: 'EventsDropped'; count: number };

export interface EventRecorderOptions extends EventSource {
  client: Pick<KubernetesClient, 'create' | 'patch'>;
  clock: Clock;
  /** Distinct Events remembered. Default 1000; beyond it new ones are dropped and counted. */
  capacity?: number;
  report: (report: EventReport) => void;
}

export interface EventRecorder {
  /** Never blocks, never throws. The same Event again becomes a series, not another object. */
  record(event: EventRecord): void;
  /** Sends what waits; resolves when that is done or after `milliseconds`. */
  flush(milliseconds: number): Promise<void>;
}

/** How long an Event that happens again is counted before the count is written. */
const SERIES_MILLISECONDS = 10_000;
/** An Event not seen for so long starts anew, as in client-go. */
const FORGET_MILLISECONDS = 6 * 60_000;
/** From one Event to the next, at least: Events must not use up the API server's fairness. */
const INTERVAL_MILLISECONDS = 50;
const SEND_TIMEOUT_MILLISECONDS = 5_000;

/** One distinct Event. */
interface Entry extends EventOccurrences {
  readonly key: string;
  readonly event: EventRecord;
  /** What the API server was told of `count`; 0 before it was created. */
  sent: number;
  created?: Live<Event>;
  timer?: { cancel(): void };
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, capacity = 1000, report } = options;
  const callOptions = { timeoutMilliseconds: SEND_TIMEOUT_MILLISECONDS };
  /** The one that happened longest ago first. */
  const entries = new Map<string, Entry>();
  const queue = new Set<Entry>();
  let sending: Promise<void> | undefined;
  let dropped = 0;

  /** The Event's entry, now the newest; undefined when there is none or it is too old. */
  const recall = (key: string, now: number): Entry | undefined => {
    const entry = entries.get(key);
    if (!entry) return undefined;
    entries.delete(key);
    if (now - entry.lastTime > FORGET_MILLISECONDS && entry.count === entry.sent) return undefined;
    entries.set(key, entry);
    return entry;
  };

  /** Not a bounded map: an Event that was not sent yet is never forgotten for another. */
  const makeRoom = (): boolean => {
    if (entries.size < capacity) return true;
    for (const [key, entry] of entries) {
      if (entry.count > entry.sent) continue;
      entries.delete(key);
      return true;
    }
    return false;
  };

  const write = async (entry: Entry): Promise<void> => {
    if (entry.created && entry.count > 1) {
      const { name, namespace = 'default' } = entry.created.metadata;
      const patch = { type: 'Merge', body: { series: seriesOf(entry) } } as const;
      await client.patch(events, { namespace, name }, patch, callOptions);
    } else {
      const object = eventObject(entry.event, entry, options, randomBytes(8).toString('hex'));
      entry.created = await client.create(events, object, callOptions);
    }
  };

  const send = async (entry: Entry): Promise<void> => {
    const { count, sent } = entry;
    // Asked for again while it was being sent.
    if (count === sent) return;
    try {
      await write(entry);
    } catch (error) {
      // The object was collected after its hour: the next occurrence makes a new one.
      if (isKubernetesError(error, 'NotFound')) entries.delete(entry.key);
      report({ type: 'EventFailed', error });
    }
    // Not tried again: an Event is a hint, and the next one of its kind counts this one too.
    entry.sent = count;
  };

  const sendAll = async (): Promise<void> => {
    for (;;) {
      const [entry] = queue;
      if (!entry) break;
      queue.delete(entry);
      await send(entry);
      if (dropped > 0) report({ type: 'EventsDropped', count: dropped });
      dropped = 0;
      if (queue.size > 0) await pause(clock, INTERVAL_MILLISECONDS);
    }
    // At once, not when the promise settles: what is recorded in between must find it so.
    sending = undefined;
  };

  const enqueue = (entry: Entry): void => {
    entry.timer?.cancel();
    delete entry.timer;
    queue.add(entry);
    sending ??= sendAll();
  };

  return {
    record(event) {
      const now = clock.now();
      const bounded = { ...event, note: boundedNote(event.note) };
      const key = keyOfEvent(bounded);
      const known = recall(key, now);
      if (known) {
        known.count++;
        known.lastTime = now;
        known.timer ??= clock.after(SERIES_MILLISECONDS, () => enqueue(known));
      } else if (makeRoom()) {
        const entry = { key, event: bounded, firstTime: now, lastTime: now, count: 1, sent: 0 };
        entries.set(key, entry);
        enqueue(entry);
      } else {
        dropped++;
      }
    },
    async flush(milliseconds) {
      for (const entry of entries.values()) if (entry.count > entry.sent) enqueue(entry);
      if (sending) await within(clock, milliseconds, sending, () => undefined);
    },
  };
}
