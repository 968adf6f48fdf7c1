import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { addressFamiliesOf } from '../../../../sidecar/dns/address-families.ts';

type Interfaces = Parameters<typeof addressFamiliesOf>[0];

function anAddress(address: string, family: 'IPv4' | 'IPv6', internal = false) {
  const common = { address, netmask: '', mac: '', internal, cidr: null };
  return family === 'IPv4' ? { ...common, family } : { ...common, family, scopeid: 0 };
}

describe('the families of a pod', () => {
  it.each<[string, Interfaces, { ipv4: boolean; ipv6: boolean }]>([
    [
      'with both',
      { eth0: [anAddress('10.0.0.1', 'IPv4'), anAddress('fd00::1', 'IPv6')] },
      { ipv4: true, ipv6: true },
    ],
    [
      'with a link-local IPv6 address only',
      { eth0: [anAddress('10.0.0.1', 'IPv4'), anAddress('fe80::1', 'IPv6')] },
      { ipv4: true, ipv6: false },
    ],
    ['with IPv6 alone', { eth0: [anAddress('2001:db8::1', 'IPv6')] }, { ipv4: false, ipv6: true }],
    [
      'with loopback alone',
      {
        lo: [anAddress('127.0.0.1', 'IPv4', true), anAddress('::1', 'IPv6', true)],
        eth0: undefined,
      },
      { ipv4: false, ipv6: false },
    ],
  ])('%s', (_name, interfaces, expected) => {
    expect(addressFamiliesOf(interfaces)).toEqual(expected);
  });

  it('can be told of this machine', () => {
    const families = addressFamiliesOf(networkInterfaces());
    expect(Object.keys(families)).toEqual(['ipv4', 'ipv6']);
  });
});
