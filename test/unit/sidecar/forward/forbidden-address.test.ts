import { BlockList } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  carriesAddress,
  forbiddenAddress,
  privateAddress,
} from '../../../../sidecar/forward/forbidden-address.ts';

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
    ['240.0.0.1', 'a reserved address'],
    ['192.0.0.8', 'a reserved address'],
    ['192.88.99.1', 'a reserved address'],
    ['100::1', 'a reserved address'],
    ['100:0:0:1::1', 'a reserved address'],
    ['5f00::1', 'a reserved address'],
    ['1::1', 'a reserved address'],
    ['4000::1', 'a reserved address'],
    ['fe00::1', 'a reserved address'],
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

describe('B18 an address that is no public one', () => {
  it.each([
    ['10.0.0.0', 'a private address'],
    ['10.255.255.255', 'a private address'],
    ['172.16.0.0', 'a private address'],
    ['172.31.255.255', 'a private address'],
    ['192.168.0.0', 'a private address'],
    ['192.168.255.255', 'a private address'],
    ['fc00::', 'a private address'],
    ['fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'a private address'],
    ['100.64.0.0', 'a shared address'],
    ['100.127.255.255', 'a shared address'],
    ['198.18.0.0', 'a benchmarking address'],
    ['198.19.255.255', 'a benchmarking address'],
    ['2001:2::1', 'a benchmarking address'],
    ['::ffff:10.0.0.1', 'a private address'],
    ['::ffff:a00:1', 'a private address'],
    ['::10.0.0.1', 'a private address'],
    ['::ffff:0:192.168.0.1', 'a private address'],
    ['64:ff9b::10.0.0.1', 'a private address'],
    ['64:ff9b::6440:1', 'a shared address'],
    ['2002:a00:1::', 'a private address'],
    ['127.1', 'not an IP address'],
  ])('%s is %s', (address, reason) => {
    expect(privateAddress(address)).toBe(reason);
  });

  it.each([
    '9.255.255.255',
    '11.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '93.184.216.34',
    '2606:2800:220:1::1',
    '2001:4860:4860::8888',
    '64:ff9b::5db8:d822',
    '::ffff:93.184.216.34',
  ])('%s is not', (address) => {
    expect(privateAddress(address)).toBeNull();
    expect(forbiddenAddress(address)).toBeNull();
  });

  it('is one of the network that the pod is in, whichever that is', () => {
    const near = new BlockList();
    near.addSubnet('93.184.216.0', 24, 'ipv4');
    const reason = "an address of the pod's own network";
    expect(privateAddress('93.184.216.34', near)).toBe(reason);
    expect(privateAddress('::ffff:93.184.216.34', near)).toBe(reason);
    expect(privateAddress('93.184.217.1', near)).toBeNull();
  });
});

it('of IPv6, carries one of IPv4 or does not', () => {
  const carriers = ['::ffff:10.0.0.1', '64:ff9b::1', '2002:a00:1::', '::1.2.3.4'];
  expect(carriers.map(carriesAddress)).toEqual([true, true, true, true]);
  expect(['10.0.0.1', 'fd12::1', '2606::1'].map(carriesAddress)).toEqual([false, false, false]);
});
