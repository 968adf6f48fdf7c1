import { decode, encode, type Question } from 'dns-packet';
import { beforeEach, describe, expect, it } from 'vitest';
import { createResponder, type DNSEvent, type Respond } from '../../../../sidecar/dns/responder.ts';
import { createSyntheticAddresses } from '../../../../sidecar/dns/synthetic-addresses.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

let clock: FakeClock;
let events: DNSEvent[];
let respond: Respond;

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  respond = createResponder({
    addresses: createSyntheticAddresses(),
    families: { ipv4: true, ipv6: false },
    clock,
    onEvent: (event) => events.push(event),
  });
});

const question = (changes: Partial<Question> = {}) =>
  encode({
    type: 'query',
    id: 7,
    questions: [{ type: 'A', name: 'api.example.com', ...changes }],
  });

it.each([
  ['Answered', question()],
  ['NoData', question({ type: 'AAAA' })],
  ['NameError', question({ name: 'a.invalid' })],
  ['Refused', question({ class: 'CH' })],
  ['Malformed', encode({ type: 'query', id: 7 })],
])('a question is counted as %s, and answered', (result, message) => {
  expect(respond(message, 'udp')?.readUInt16BE(0)).toBe(7);
  expect(events).toEqual([{ type: 'Question', result }]);
});

it('what is no question is counted as Malformed, and not answered', () => {
  expect(respond(Buffer.alloc(3), 'udp')).toBeNull();
  expect(events).toEqual([{ type: 'Question', result: 'Malformed' }]);
});

describe('questions', () => {
  const ask = (count: number) =>
    Array.from({ length: count }, () => respond(question(), 'udp')).filter((it) => it !== null)
      .length;

  it('beyond a burst are dropped, and answered again as time goes on', async () => {
    expect(ask(2_001)).toBe(2_000);
    expect(events.at(-1)).toEqual({ type: 'Question', result: 'Dropped' });
    await clock.advance(500);
    expect(ask(600)).toBe(500);
  });

  it('are never allowed in a larger burst, however long nobody asked', async () => {
    await clock.advance(3_600_000);
    expect(ask(2_100)).toBe(2_000);
  });
});

it('an answer over UDP that is too long says to ask over TCP', () => {
  const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
  const over = (transport: 'udp' | 'tcp') =>
    decode(respond(question({ name }), transport) ?? Buffer.alloc(0));
  expect(over('udp')).toMatchObject({ flag_tc: true, answers: [] });
  expect(over('tcp')).toMatchObject({ flag_tc: false });
  expect(over('tcp').answers).toHaveLength(1);
});
