import { describe, expect, test } from 'vitest';
import {
  boundedNote,
  type EventRecord,
  eventObject,
  keyOfEvent,
  NOTE_LIMIT_BYTES,
} from '../../../../core/kubernetes/event-object.ts';

const RECORD: EventRecord = {
  regarding: {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    namespace: 'soc',
    name: 'thing-7',
    uid: 'u7',
  },
  type: 'Normal',
  reason: 'Approved',
  action: 'Approve',
  note: 'It was approved.',
};
const SOURCE = { reportingController: 'example.com/controller', reportingInstance: 'pod-1' };
const NOON = Date.UTC(2026, 0, 1, 12);

const eventOf = (record: Partial<EventRecord>, count = 1) =>
  eventObject(
    { ...RECORD, ...record },
    { firstTime: NOON, lastTime: NOON + 1_500, count },
    SOURCE,
    'abcd',
  );
const about = (change: Partial<EventRecord['regarding']>) => ({
  regarding: { ...RECORD.regarding, ...change },
});

describe('an Event', () => {
  test('stands beside its object, with the time at which it happened first', () => {
    expect(eventOf({})).toEqual({
      metadata: { namespace: 'soc', name: 'thing-7.abcd' },
      ...RECORD,
      ...SOURCE,
      eventTime: '2026-01-01T12:00:00.000000Z',
    });
  });

  test('that happened more than once has a series', () => {
    expect(eventOf({}, 3).series).toEqual({
      count: 3,
      lastObservedTime: '2026-01-01T12:00:01.500000Z',
    });
  });

  test('of a cluster-scoped object goes to the namespace default', () => {
    const { namespace: _, ...regarding } = RECORD.regarding;
    expect(eventOf({ regarding }).metadata?.namespace).toBe('default');
  });

  test.each([
    ['a'.repeat(253), `${'a'.repeat(230)}.abcd`],
    [`${'a'.repeat(229)}.b`, `${'a'.repeat(229)}.abcd`],
  ])('has a name that is valid, whatever the object is called', (name, expected) => {
    expect(eventOf(about({ name })).metadata?.name).toBe(expected);
  });
});

describe('two records are of one Event', () => {
  test('if they say the same of the same object', () => {
    expect(keyOfEvent({ ...RECORD })).toBe(keyOfEvent(RECORD));
  });

  test.each<[what: string, change: Partial<EventRecord>]>([
    ['another object of the name', about({ uid: 'u8' })],
    ['another type', { type: 'Warning' }],
    ['another reason', { reason: 'Denied' }],
    ['another action', { action: 'Deny' }],
    ['another note', { note: 'It was denied.' }],
  ])('and not with %s', (_, change) => {
    expect(keyOfEvent({ ...RECORD, ...change })).not.toBe(keyOfEvent(RECORD));
  });
});

describe('a note', () => {
  test.each([
    ['plain text', 'GET /a', 'GET /a'],
    ['line ends and control characters', 'a\r\nb\u0007c\u202ed', 'a b c d'],
  ])('keeps of %s what can be shown', (_, note, shown) => {
    expect(boundedNote(note)).toBe(shown);
  });

  test.each(['a', 'ä', '€', '😀'])('of too many %j ends within a whole character', (character) => {
    const note = boundedNote(character.repeat(2_000));
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(NOTE_LIMIT_BYTES);
    expect(note).toMatch(new RegExp(`^${character}+…$`, 'u'));
  });
});
