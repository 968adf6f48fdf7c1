/** Whatever bytes come, reading them neither throws nor takes long, and what is answered is a DNS message for the same question. */

import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerQuestion } from '../../../../sidecar/dns/answer.ts';
import { encodeAnswer, readQuery } from '../../../../sidecar/dns/message.ts';
import { createSyntheticAddresses } from '../../../../sidecar/dns/synthetic-addresses.ts';

const SETTINGS = { seed: 4242, numRuns: 20_000 };

const addresses = createSyntheticAddresses(64);
const families = { ipv4: true, ipv6: true };

function check(message: Buffer): void {
  const before = Buffer.from(message);
  const read = readQuery(message);
  expect(message.equals(before)).toBe(true);
  if (!('query' in read)) {
    if (read.answer !== null) expect(read.answer.length).toBe(12);
    return;
  }
  const { question } = read.query;
  const { rcode, answers } = answerQuestion(question, addresses, families);
  for (const transport of ['udp', 'tcp'] as const) {
    const answer = encodeAnswer(read.query, rcode, answers, transport);
    const decoded = decode(answer);
    expect(decoded.id).toBe(message.readUInt16BE(0));
    // Byte for byte, or the client would not know it as the answer.
    const end = encode({ questions: [question] }).length;
    expect(answer.subarray(12, end).equals(message.subarray(12, end))).toBe(true);
    // No amplification worth the name, and UDP within what the client takes.
    expect(answer.length).toBeLessThanOrEqual(2 * message.length + 64);
    for (const record of decoded.answers ?? []) {
      if (record.type !== 'A' && record.type !== 'AAAA') continue;
      const name = question.name.toLowerCase();
      expect(addresses.nameOf(String(record.data)) ?? 'localhost').toBe(
        name.endsWith('localhost') ? 'localhost' : name,
      );
    }
  }
}

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9_-]{0,63}$/),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('localhost', 'arpa', 'in-addr', 'ip6', '1', '0x1', 'invalid', 'com'),
);
const question = fc
  .record({
    labels: fc.array(label, { maxLength: 36 }),
    type: fc.integer({ min: 0, max: 65535 }),
    ofClass: fc.constantFrom(1, 1, 1, 3, 255, 0x8001),
    counts: fc.tuple(
      ...[1, 0, 0, 0].map((usual) => fc.constantFrom(usual, usual, usual, 1, 65535)),
    ),
    flags: fc.constantFrom(0, 0x0100, 0x8000, 0x2800, 0x0110),
    rest: bytes,
  })
  .map(({ labels, type, ofClass, counts, flags, rest }) => {
    const name = labels.map((text) => {
      const data = Buffer.from(text, 'latin1').subarray(0, 63);
      return Buffer.concat([Buffer.from([data.length]), data]);
    });
    const numbers = Buffer.alloc(4);
    numbers.writeUInt16BE(
      fc.sample(fc.constantFrom(1, 28, 12, type), { seed: type, numRuns: 1 })[0] ?? type,
      0,
    );
    numbers.writeUInt16BE(ofClass, 2);
    const header = Buffer.alloc(12);
    [7, flags, ...counts].forEach((value, i) => {
      header.writeUInt16BE(value, 2 * i);
    });
    return Buffer.concat([header, ...name, Buffer.from([0]), numbers, rest]);
  });

describe('any bytes', () => {
  it('as they come', () => {
    fc.assert(fc.property(bytes, check), SETTINGS);
  });

  it('built like a question', () => {
    fc.assert(fc.property(question, check), SETTINGS);
  });

  it('a question with bytes changed', () => {
    const plain = encode({
      type: 'query',
      id: 7,
      questions: [{ type: 'A', name: 'api.example.com' }],
    });
    const changes = fc.array(fc.tuple(fc.nat(plain.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(changes, (list) => {
        const message = Buffer.from(plain);
        for (const [at, value] of list) message[at] = value;
        check(message);
      }),
      SETTINGS,
    );
  });
});
