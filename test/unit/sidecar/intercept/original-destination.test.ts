/** test/integration/transparent.test.ts has the kernel's own answers. */

import { endianness } from 'node:os';
import { expect, it } from 'vitest';
import { readSocketAddress } from '../../../../sidecar/intercept/original-destination.ts';

/** A socket address as the kernel fills it in: the family in the machine's order. */
function socketAddress(family: number, rest: string): Buffer {
  const bytes = Buffer.alloc(28);
  if (endianness() === 'LE') bytes.writeUInt16LE(family);
  else bytes.writeUInt16BE(family);
  Buffer.from(rest, 'hex').copy(bytes, 2);
  return bytes;
}

it.each([
  ['an IPv4 address', socketAddress(2, '01bbc6120304'), { address: '198.18.3.4', port: 443 }],
  ['a high port', socketAddress(2, 'ffff00000000'), { address: '0.0.0.0', port: 65_535 }],
  [
    'an IPv6 address in its one spelling',
    socketAddress(10, '005000000000fd6163677261000000000000000000ab'),
    { address: 'fd61:6367:7261::ab', port: 80 },
  ],
  [
    'an IPv6 address without zeros, past its flow label',
    socketAddress(10, '0050deadbeef20010db8000100020003000400050006'),
    { address: '2001:db8:1:2:3:4:5:6', port: 80 },
  ],
  ['nothing of another family', socketAddress(1, '2f746d70'), null],
  ['nothing of no family', Buffer.alloc(28), null],
])('reads %s', (_, bytes, expected) => {
  expect(readSocketAddress(bytes)).toEqual(expected);
});
