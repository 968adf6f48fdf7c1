/** An Event as the API server takes it (events.k8s.io/v1), whatever is said in it. */

import { createHash } from 'node:crypto';
import type { KubernetesObject, Resource } from './object.ts';
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

/** Who reports an Event. */
export interface EventSource {
  /** A qualified name such as `example.com/controller`. */
  reportingController: string;
  /** The pod's name. */
  reportingInstance: string;
}

/** How often an Event happened, and when. Wall clock, ms. */
export interface EventOccurrences {
  firstTime: number;
  lastTime: number;
  count: number;
}

/** events.k8s.io/v1. */
export interface Event extends KubernetesObject, EventSource {
  eventTime: string;
  action: string;
  reason: string;
  regarding: EventSubject;
  note: string;
  type: string;
  series?: EventSeries;
}

export interface EventSeries {
  count: number;
  lastObservedTime: string;
}

export const events: Resource<Event> = {
  group: 'events.k8s.io',
  version: 'v1',
  resource: 'events',
  kind: 'Event',
  namespaced: true,
};

/** The API server's limit on notes. */
export const NOTE_LIMIT_BYTES = 1024;
/** Names are DNS subdomains of at most 253 characters; this leaves room for the suffix. */
const NAME_PREFIX_LENGTH = 230;

/** @param suffix makes the name one that no other Event of this object has */
export function eventObject(
  record: EventRecord,
  occurrences: EventOccurrences,
  { reportingController, reportingInstance }: EventSource,
  suffix: string,
): Event {
  const { namespace = 'default', name } = record.regarding;
  return {
    metadata: { namespace, name: `${namePrefix(name)}.${suffix}` },
    ...record,
    eventTime: microTime(occurrences.firstTime),
    reportingController,
    reportingInstance,
    ...(occurrences.count > 1 ? { series: seriesOf(occurrences) } : {}),
  };
}

/** The part of an Event that changes when it happens again. */
export function seriesOf({ count, lastTime }: EventOccurrences): EventSeries {
  return { count, lastObservedTime: microTime(lastTime) };
}

/** Equal for records that say the same of the same object. */
export function keyOfEvent({ regarding, type, reason, action, note }: EventRecord): string {
  const parts = [regarding.uid, regarding.name, type, reason, action, note];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

/** The note as the API server takes it. Notes quote agents, whose text is hostile. */
export function boundedNote(note: string): string {
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

function namePrefix(name: string): string {
  return name.slice(0, NAME_PREFIX_LENGTH).replace(/[^a-z0-9]+$/, '');
}
