/** Each value as X.690 gives it, or as `openssl asn1parse` shows it. */

import { expect, it } from 'vitest';
import {
  bitString,
  boolean,
  der,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from '../../../../sidecar/certificates/der.ts';

const hex = (bytes: Buffer) => bytes.toString('hex');

it.each<[string, Buffer, string]>([
  ['true', boolean(true), '0101ff'],
  ['false', boolean(false), '010100'],
  ['octets', octetString(Buffer.from('ab')), '04026162'],
  ['text', utf8String('é'), '0c02c3a9'],
  ['an empty sequence', sequence(), '3000'],
  ['a sequence', sequence(boolean(true), boolean(false)), '30060101ff010100'],
  ['a set', set(boolean(true)), '31030101ff'],
  ['an explicit tag', explicit(3, boolean(true)), 'a3030101ff'],
  ['an implicit tag', implicit(2, Buffer.from('a')), '820161'],
  ['bits', bitString(Buffer.from([0x06]), 1), '03020106'],
  ['zero', integer(Buffer.from([0])), '020100'],
  ['an integer with leading zeros', integer(Buffer.from([0, 0, 5])), '020105'],
  ['an integer whose first bit is set', integer(Buffer.from([0x80])), '02020080'],
  ['an object identifier', objectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
  ['an object identifier of 2.5', objectIdentifier('2.5.29.19'), '0603551d13'],
  [
    'a time of this century',
    time(Date.UTC(2026, 10, 30, 1, 2, 3)),
    `170d${Buffer.from('261130010203Z').toString('hex')}`,
  ],
  [
    'the last time in two digits',
    time(Date.UTC(2049, 11, 31)),
    `170d${Buffer.from('491231000000Z').toString('hex')}`,
  ],
  [
    'the first time in four digits',
    time(Date.UTC(2050, 0, 1)),
    `180f${Buffer.from('20500101000000Z').toString('hex')}`,
  ],
])('%s', (_, bytes, expected) => {
  expect(hex(bytes)).toBe(expected);
});

it.each([
  [0x7f, '047f'],
  [0x80, '048180'],
  [0xff, '0481ff'],
  [0x100, '04820100'],
  [0x10000, '0483010000'],
])('a length of %i bytes', (length, start) => {
  const bytes = der(0x04, Buffer.alloc(length));
  expect(hex(bytes.subarray(0, start.length / 2))).toBe(start);
  expect(bytes.length).toBe(start.length / 2 + length);
});
