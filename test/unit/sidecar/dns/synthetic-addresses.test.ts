import { describe, expect, it } from 'vitest';
import { createSyntheticAddresses } from '../../../../sidecar/dns/synthetic-addresses.ts';

const FAMILIES = ['ipv4', 'ipv6'] as const;

describe('synthetic addresses', () => {
  it.each(FAMILIES)('stand for their names (%s)', (family) => {
    const addresses = createSyntheticAddresses();
    const names = Array.from({ length: 8192 }, (_, i) => `host-${i}.example.com`);
    const given = names.map((name) => addresses.allocate(name, family));
    // Of 131072 addresses: without a second try some would be the same.
    expect(new Set(given).size).toBe(names.length);
    for (const [i, address] of given.entries()) {
      expect(addresses.nameOf(address)).toBe(names[i]);
      expect(addresses.isSynthetic(address)).toBe(true);
    }
  });

  it('stay the same, also in another process', () => {
    const one = createSyntheticAddresses();
    const other = createSyntheticAddresses();
    other.allocate('b.example.com', 'ipv6');
    for (const family of FAMILIES) {
      const address = one.allocate('a.example.com', family);
      expect(one.allocate('a.example.com', family)).toBe(address);
      expect(other.allocate('a.example.com', family)).toBe(address);
    }
  });

  it('are of the networks that lead nowhere', () => {
    const addresses = createSyntheticAddresses();
    expect(addresses.allocate('a', 'ipv4')).toMatch(/^198\.1[89]\.\d+\.\d+$/);
    expect(addresses.allocate('a', 'ipv6')).toMatch(/^fd61:6367:7261:/);
  });

  it('are known in every spelling', () => {
    const addresses = createSyntheticAddresses();
    const address = addresses.allocate('a.example.com', 'ipv6');
    const long = address
      .split(':')
      .map((group) => group.padStart(4, '0').toUpperCase())
      .join(':');
    expect(addresses.nameOf(long)).toBe('a.example.com');
  });

  it('are given to others once their name is forgotten, the least recently used first', () => {
    const addresses = createSyntheticAddresses(2);
    const a = addresses.allocate('a', 'ipv4');
    const b = addresses.allocate('b', 'ipv4');
    // A connection to it is a use, too.
    expect(addresses.nameOf(a)).toBe('a');
    addresses.allocate('c', 'ipv6');
    expect(addresses.nameOf(a)).toBe('a');
    expect(addresses.nameOf(b)).toBeUndefined();
    expect(addresses.isSynthetic(b)).toBe(true);
  });

  it.each([
    ['198.17.255.255', false],
    ['198.18.0.0', true],
    ['198.19.255.255', true],
    ['198.20.0.0', false],
    ['fd61:6367:7261::1', true],
    ['fd61:6367:7262::1', false],
    ['127.0.0.1', false],
    ['', false],
    ['example.com', false],
    ['fd61:6367:7261::1%eth0', false],
  ])('%s: %s', (address, expected) => {
    const addresses = createSyntheticAddresses();
    expect(addresses.isSynthetic(address)).toBe(expected);
    expect(addresses.nameOf(address)).toBeUndefined();
  });
});
