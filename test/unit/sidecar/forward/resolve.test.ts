import { describe, expect, it } from 'vitest';
import { createResolver } from '../../../../sidecar/forward/resolve.ts';
import { rejection } from './upstreams.ts';

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
