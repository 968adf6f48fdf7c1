/** Kubernetes Events (events.k8s.io/v1) that never hold up or fail what they tell about. */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../time/clock.ts';
import { within } from '../time/deadline.ts';
import { pause } from '../time/pause.ts';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { KubernetesObject, Live, Resource } from './object.ts';
import { microTime } from './time.ts';

export interface EventSubject {
  apiVersion: string;
  kind: string;
  /** Absent for cluster-scoped objects; their Events go to `default`. */
  namespace?: string;
  name: string;
  uid: string;
}

export interface EventRecord {
  regarding: EventSubject;
  type: 'Normal' | 'Warning';
  /** CamelCase: why. */
  reason: string;
  /** CamelCase: what was done. */
  action: string;
  /** One sentence. Control and bidi characters are removed, and it is cut at 1 KiB. */
  note: string;
}

export type EventReport =
  | { type: 'EventFailed'; error: unknown }
  /** Of all since the last report. */
  | { type: 'EventsDropped'; count: number };

export interface EventRecorderOptions {
  client: Pick<KubernetesClient, 'create' | 'patch'>;
  clock: Clock;
  /** A qualified name such as `actiongrant.dev/controller`. */
  reportingController: string;
  /** The pod's name. */
  reportingInstance: string;
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

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

/** events.k8s.io/v1. */
interface Event extends KubernetesObject {
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  action: string;
  reason: string;
  regarding: EventSubject;
  note: string;
  type: string;
  series?: { count: number; lastObservedTime: string };
}

const events: Resource<Event> = {
  group: 'events.k8s.io',
  version: 'v1',
  resource: 'events',
  kind: 'Event',
  namespaced: true,
};

/** How long an Event that happens again is counted before the count is written. */
const seriesMilliseconds = 10_000;
/** An Event not seen for so long starts anew, as in client-go. */
const forgetMilliseconds = 6 * 60_000;
/** At most so many a second after a first burst: Events must not eat the API server's fairness. */
const minimumIntervalMilliseconds = 50;
const sendTimeoutMilliseconds = 5_000;
/** The API server's. */
export const NOTE_LIMIT_BYTES = 1024;

/** One distinct Event. */
interface Entry {
  readonly key: string;
  readonly event: EventRecord;
  readonly firstTime: number;
  lastTime: number;
  count: number;
  /** What the API server was told of `count`; 0 before it was created. */
  sent: number;
  created?: Live<Event>;
  timer?: { cancel(): void };
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #capacity: number;
  /** The one that happened longest ago first. */
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new Set<Entry>();
  #sending: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 1000;
  }

  record(event: EventRecord): void {
    const now = this.#options.clock.now();
    const bounded = { ...event, note: boundedNote(event.note) };
    const key = keyOfEvent(bounded);
    const known = this.#recall(key, now);
    if (known) {
      known.count++;
      known.lastTime = now;
      known.timer ??= this.#options.clock.after(seriesMilliseconds, () => this.#enqueue(known));
      return;
    }
    if (!this.#makeRoom()) {
      this.#dropped++;
      return;
    }
    const entry = { key, event: bounded, firstTime: now, lastTime: now, count: 1, sent: 0 };
    this.#entries.set(key, entry);
    this.#enqueue(entry);
  }

  async flush(milliseconds: number): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.count > entry.sent) this.#enqueue(entry);
    }
    if (!this.#sending) return;
    await within(this.#options.clock, milliseconds, this.#sending, () => undefined);
  }

  /** The Event's entry, now the newest; undefined when there is none or it is too old. */
  #recall(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (now - entry.lastTime > forgetMilliseconds && entry.count === entry.sent) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  #makeRoom(): boolean {
    if (this.#entries.size < this.#capacity) return true;
    for (const [key, entry] of this.#entries) {
      if (entry.count > entry.sent) continue;
      this.#entries.delete(key);
      return true;
    }
    return false;
  }

  #enqueue(entry: Entry): void {
    entry.timer?.cancel();
    delete entry.timer;
    this.#queue.add(entry);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    const { clock, report } = this.#options;
    for (;;) {
      const [entry] = this.#queue;
      if (!entry) break;
      this.#queue.delete(entry);
      await this.#send(entry);
      if (this.#dropped > 0) report({ type: 'EventsDropped', count: this.#dropped });
      this.#dropped = 0;
      if (this.#queue.size > 0) await pause(clock, minimumIntervalMilliseconds);
    }
    // At once, not when the promise settles: what is recorded in between must find it so.
    this.#sending = undefined;
  }

  async #send(entry: Entry): Promise<void> {
    const { count, sent } = entry;
    // Asked for again while it was being sent.
    if (count === sent) return;
    try {
      if (entry.created && count > 1) await this.#writeSeries(entry, entry.created);
      else entry.created = await this.#create(entry);
    } catch (error) {
      // The object was collected after its hour: the next occurrence makes a new one.
      if (isKubernetesError(error, 'NotFound')) this.#entries.delete(entry.key);
      this.#options.report({ type: 'EventFailed', error });
    }
    // Not tried again: an Event is a hint, and the next one of its kind counts this one too.
    entry.sent = count;
  }

  #create(entry: Entry): Promise<Live<Event>> {
    const { event, firstTime } = entry;
    const { reportingController, reportingInstance } = this.#options;
    const suffix = randomBytes(8).toString('hex');
    return this.#options.client.create(
      events,
      {
        metadata: {
          namespace: event.regarding.namespace ?? 'default',
          name: `${namePrefix(event.regarding.name)}.${suffix}`,
        },
        ...event,
        eventTime: microTime(firstTime),
        reportingController,
        reportingInstance,
        ...(entry.count > 1 ? { series: seriesOf(entry) } : {}),
      },
      { timeoutMilliseconds: sendTimeoutMilliseconds },
    );
  }

  async #writeSeries(entry: Entry, created: Live<Event>): Promise<void> {
    const { name, namespace = 'default' } = created.metadata;
    const patch = { type: 'Merge', body: { series: seriesOf(entry) } } as const;
    await this.#options.client.patch(events, { namespace, name }, patch, {
      timeoutMilliseconds: sendTimeoutMilliseconds,
    });
  }
}

function seriesOf(entry: Entry): { count: number; lastObservedTime: string } {
  return { count: entry.count, lastObservedTime: microTime(entry.lastTime) };
}

/** Names are DNS subdomains of at most 253 characters. */
function namePrefix(name: string): string {
  return name.slice(0, 230).replace(/[^a-z0-9]+$/, '');
}

function keyOfEvent({ regarding, type, reason, action, note }: EventRecord): string {
  const parts = [regarding.uid, regarding.name, type, reason, action, note];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

/** Notes quote agents, whose text is hostile; the API server refuses more than 1 KiB. */
function boundedNote(note: string): string {
  const printable = note.slice(0, 2 * NOTE_LIMIT_BYTES).replace(/[\s\p{C}\p{Z}]+/gu, ' ');
  const bytes = Buffer.from(printable, 'utf8');
  if (bytes.length <= NOTE_LIMIT_BYTES) return printable;
  // A code point that is cut in half decodes to U+FFFD.
  const whole = bytes
    .subarray(0, NOTE_LIMIT_BYTES - 3)
    .toString('utf8')
    .replace(/\uFFFD$/u, '');
  return `${whole}…`;
}
