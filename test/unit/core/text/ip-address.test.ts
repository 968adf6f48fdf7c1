import { describe, expect, it } from 'vitest';
import { addressBytes } from '../../../../core/text/ip-address.ts';

const hex = (text: string): string | null => {
  const bytes = addressBytes(text);
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
};

describe('the bytes of an address', () => {
  it.each([
    ['198.18.0.1', 'c6120001'],
    ['0.0.0.0', '00000000'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['fd00::', `fd${'00'.repeat(15)}`],
    ['fd61:6367:7261::a:b', 'fd616367726100000000000000' + '0a000b'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:127.0.0.1', '00000000000000000000ffff7f000001'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ])('of %s are %s', (text, bytes) => {
    expect(hex(text)).toBe(bytes);
  });

  it.each([
    '',
    'edr.example.com',
    '127.1',
    '0x7f.0.0.1',
    '[::1]',
    'fe80::1%eth0',
    '::1::',
    '1:2:3',
  ])('are none for %j', (text) => {
    expect(addressBytes(text)).toBeNull();
  });
});
