import { describe, expect, it } from 'vitest';
import { forbiddenAddress } from '../../../../sidecar/forward/forbidden-address.ts';

describe('an address that no name may lead to', () => {
  it.each([
    ['127.0.0.1', 'a loopback address'],
    ['127.255.0.9', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['0.0.0.0', 'an unspecified address'],
    ['0.1.2.3', 'an unspecified address'],
    ['::', 'an unspecified address'],
    ['169.254.1.1', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['febf::1', 'a link-local address'],
    ['fec0::1', 'a link-local address'],
    ['169.254.169.254', 'a metadata address'],
    ['169.254.170.2', 'a metadata address'],
    ['100.100.100.200', 'a metadata address'],
    ['168.63.129.16', 'a metadata address'],
    ['192.0.0.192', 'a metadata address'],
    ['fd00:ec2::254', 'a metadata address'],
    ['fd00:0ec2:0:0:0:0:0:254', 'a metadata address'],
    ['fd20:ce::254', 'a metadata address'],
    ['224.0.0.1', 'a multicast address'],
    ['ff02::1', 'a multicast address'],
    ['255.255.255.255', 'a reserved address'],
    ['2001:0:1::1', 'a reserved address'],
    // The same addresses inside IPv6 ones
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:7f00:1', 'a loopback address'],
    ['::ffff:169.254.169.254', 'a metadata address'],
    ['::127.0.0.1', 'a loopback address'],
    ['64:ff9b::169.254.169.254', 'a metadata address'],
    ['fd00:c1::a9fe:a9fe', 'a metadata address'],
    ['fd00:42::42', 'a metadata address'],
    ['64:ff9b:1::7f00:1', 'a loopback address'],
    ['2002:7f00:1::', 'a loopback address'],
    ['::ffff:0:127.0.0.1', 'a loopback address'],
    // What only looks like one
    ['fe80::1%eth0', 'not an IP address'],
    ['0x7f.1', 'not an IP address'],
    ['127.1', 'not an IP address'],
    ['', 'not an IP address'],
  ])('%s is %s', (address, reason) => {
    expect(forbiddenAddress(address)).toBe(reason);
  });

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '100.64.0.1',
    '93.184.216.34',
    '2606:2800:220:1::1',
    'fd00:1234::1',
    '::ffff:10.0.0.1',
    '64:ff9b::5db8:d822',
  ])('%s is none', (address) => {
    expect(forbiddenAddress(address)).toBeNull();
  });
});
