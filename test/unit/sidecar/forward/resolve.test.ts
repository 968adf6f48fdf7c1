import { describe, expect, it } from 'vitest';
import { forbiddenAddress } from '../../../../sidecar/forward/forbidden-address.ts';
import { createResolver } from '../../../../sidecar/forward/resolve.ts';
import { rejection } from './upstreams.ts';

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

const answering =
  (...addresses: string[]) =>
  () =>
    Promise.resolve(
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

describe('a resolver', () => {
  it('gives every address of a name, in its order', async () => {
    const resolver = createResolver({ lookup: answering('10.1.2.3', 'fd12::1') });
    expect(await resolver.resolve('edr.example.com', 443)).toEqual({
      addresses: [
        { address: '10.1.2.3', family: 4 },
        { address: 'fd12::1', family: 6 },
      ],
      port: 443,
    });
  });

  it('refuses a name if one of its addresses is forbidden', async () => {
    const resolver = createResolver({ lookup: answering('10.1.2.3', '127.0.0.1') });
    const error = await rejection(resolver.resolve('edr.example.com', 443));
    expect(error).toMatchObject({
      code: 'UpstreamNameRefused',
      dispatched: false,
      detail: 'The host edr.example.com leads to a loopback address.',
    });
  });

  it.each([
    ['its IPv4 address', '10.244.0.7'],
    ['its IPv6 address', 'fd00:244::7'],
    ['its IPv4 address in one of IPv6', '::ffff:10.244.0.7'],
  ])(
    'refuses a name that leads to the pod itself, where the agent may listen: %s',
    async (_, to) => {
      const resolver = createResolver({
        lookup: answering(to),
        ownAddresses: () => ['127.0.0.1', '10.244.0.7', 'fd00:244::7'],
      });
      expect(await rejection(resolver.resolve('intranet', 80))).toMatchObject({
        code: 'UpstreamNameRefused',
        detail: "The host intranet leads to the pod's own address.",
      });
    },
  );

  it('asks again when its question came back to our own DNS, which happens by source port', async () => {
    const answers = ['198.18.117.22', 'fd61:6367:7261::7', '10.1.2.3'];
    const lookup = () => answering(answers.shift() ?? '')();
    const { addresses } = await createResolver({ lookup }).resolve('edr.example.com', 443);
    expect(addresses).toEqual([{ address: '10.1.2.3', family: 4 }]);
  });

  it('never connects to an address of our own DNS', async () => {
    const resolver = createResolver({ lookup: answering('198.18.117.22') });
    expect(await rejection(resolver.resolve('edr.example.com', 443))).toMatchObject({
      code: 'UpstreamUnresolved',
      dispatched: false,
    });
  });

  it('refuses a name without an address', async () => {
    const resolver = createResolver({ lookup: answering() });
    expect(await rejection(resolver.resolve('edr.example.com', 443))).toMatchObject({
      code: 'UpstreamUnresolved',
    });
  });

  it.each(['127.0.0.1', '[::1]', '169.254.169.254'])('refuses %s as a host', async (host) => {
    const resolver = createResolver({ lookup: () => Promise.reject(new Error('not asked')) });
    expect(await rejection(resolver.resolve(host, 443))).toMatchObject({
      code: 'UpstreamNameRefused',
    });
  });

  it('takes an address as a host without a look-up', async () => {
    const resolver = createResolver({ lookup: () => Promise.reject(new Error('not asked')) });
    expect(await resolver.resolve('[fd12::1]', 8443)).toEqual({
      addresses: [{ address: 'fd12::1', family: 6 }],
      port: 8443,
    });
  });

  it("uses the operator's targets as they are, for exactly their host and port", async () => {
    const resolver = createResolver({
      connectTo: new Map([
        ['edr.example.com:443', '127.0.0.1:8443'],
        ['six.example.com:443', '[::1]:8443'],
      ]),
      lookup: answering('10.1.2.3'),
    });
    expect(await resolver.resolve('edr.example.com', 443)).toEqual({
      addresses: [{ address: '127.0.0.1', family: 4 }],
      port: 8443,
    });
    expect(await resolver.resolve('six.example.com', 443)).toEqual({
      addresses: [{ address: '::1', family: 6 }],
      port: 8443,
    });
    expect((await resolver.resolve('edr.example.com', 80)).port).toBe(80);
  });

  it.each(['localhost:1', '127.0.0.1', '::1:80', ''])('refuses "%s" as a target', (to) => {
    expect(() => createResolver({ connectTo: new Map([['a:1', to]]) })).toThrow(TypeError);
  });
});
