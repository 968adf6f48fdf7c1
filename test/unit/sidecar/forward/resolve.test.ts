import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parsePrivateDestination } from '../../../../core/text/private-destination.ts';
import { PrivateDestinations } from '../../../../sidecar/forward/private-destinations.ts';
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
    const resolver = createResolver({ lookup: answering('93.184.216.34', '2606:2800::1') });
    expect(await resolver.resolve('edr.example.com', 443)).toEqual({
      addresses: [
        { address: '93.184.216.34', family: 4 },
        { address: '2606:2800::1', family: 6 },
      ],
      port: 443,
    });
  });

  it('refuses a name if one of its addresses is forbidden', async () => {
    const resolver = createResolver({ lookup: answering('93.184.216.34', '127.0.0.1') });
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

  it('looks up two names at a time, so that names without an answer leave threads for the rest of the process', async () => {
    let waiting = 0;
    const go: (() => void)[] = [];
    const lookup = async () => {
      waiting += 1;
      await new Promise<void>((resolve) => go.push(resolve));
      waiting -= 1;
      return answering('93.184.216.34')();
    };
    const resolver = createResolver({ lookup });
    const all = Array.from({ length: 6 }, (_, n) => resolver.resolve(`slow-${n}.example.com`, 443));
    for (let answered = 0; answered < 6; answered += 1) {
      await setImmediate();
      expect(waiting).toBe(Math.min(2, 6 - answered));
      go.shift()?.();
    }
    expect(await Promise.all(all)).toHaveLength(6);
  });

  it('asks again when its question came back to our own DNS, which happens by source port', async () => {
    const answers = ['198.18.117.22', 'fd61:6367:7261::7', '93.184.216.34'];
    const lookup = () => answering(answers.shift() ?? '')();
    const { addresses } = await createResolver({ lookup }).resolve('edr.example.com', 443);
    expect(addresses).toEqual([{ address: '93.184.216.34', family: 4 }]);
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
      lookup: answering('93.184.216.34'),
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

describe('B18 a name that leads to a private address', () => {
  const SEARCH = [
    'soc.svc.cluster.local',
    'svc.cluster.local',
    'cluster.local',
    'corp.example.com',
  ];
  const allowing = (...texts: string[]) =>
    new PrivateDestinations(texts.map(parsePrivateDestination));

  /** What a DNS has; a name without an entry does not exist. */
  const having = (records: Readonly<Record<string, readonly string[]>>) => (name: string) => {
    const addresses = records[name];
    if (addresses === undefined) return Promise.reject(new Error(`NXDOMAIN ${name}`));
    return answering(...addresses)();
  };

  it.each([
    [['10.1.2.3'], 'a private address'],
    [['fd12::1'], 'a private address'],
    [['100.64.0.1'], 'a shared address'],
    [['::ffff:192.168.0.1'], 'a private address'],
    [['64:ff9b::10.0.0.1'], 'a private address'],
    [['2002:a00:1::'], 'a private address'],
    [['93.184.216.34', '10.1.2.3'], 'a private address'],
    [['2606:2800::1', 'fd12::1'], 'a private address'],
    [['93.184.216.200'], "an address of the pod's own network"],
  ])('%j is refused, with the value that would allow it', async (addresses, reason) => {
    const resolver = createResolver({
      lookup: having({ 'rebound.example.com': addresses }),
      searchDomains: SEARCH,
      ownNetworks: () => ['93.184.216.129/25', 'fe80::1/64'],
    });
    const error = await rejection(resolver.resolve('rebound.example.com', 443));
    expect(error).toMatchObject({
      code: 'UpstreamNameRefused',
      dispatched: false,
      detail: `The host rebound.example.com leads to ${reason}. An administrator can allow that in the chart's sidecar.privateDestinations.`,
    });
  });

  it.each([
    ['by its host', 'git.corp.example.com', '10.1.2.3', ['git.corp.example.com']],
    ['by its domain', 'a.git.corp.example.com', '10.1.2.3', ['*.corp.example.com']],
    ['by its address', 'git.corp.example.com', '10.1.2.3', ['10.1.0.0/16']],
    ['by its address, whichever way it is written', 'a.example.com', 'fd12:0::7', ['fd12::/32']],
  ])('is reached where it is configured %s', async (_, host, address, texts) => {
    const lookup = having({ [host]: [address] });
    const resolver = createResolver({ lookup, privateDestinations: allowing(...texts) });
    expect((await resolver.resolve(host, 443)).addresses).toHaveLength(1);
  });

  it.each([
    ['another host', 'git.corp.example.com.evil.com', ['10.1.2.3'], ['git.corp.example.com']],
    ['the domain itself', 'corp.example.com', ['10.1.2.3'], ['*.corp.example.com']],
    ['what only ends alike', 'evilcorp.example.com', ['10.1.2.3'], ['*.corp.example.com']],
    ['another network beside', 'a.example.com', ['10.1.2.3', '10.2.0.1'], ['10.1.0.0/16']],
  ])(
    'is refused where only something else is configured: %s',
    async (_, host, addresses, texts) => {
      const lookup = having({ [host]: addresses });
      const resolver = createResolver({ lookup, privateDestinations: allowing(...texts) });
      expect(await rejection(resolver.resolve(host, 443))).toMatchObject({
        code: 'UpstreamNameRefused',
      });
    },
  );

  it.each(['127.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', 'fe80::1', '10.244.0.7'])(
    'that no name may lead to (%s) is refused whatever is configured',
    async (address) => {
      const resolver = createResolver({
        lookup: answering(address),
        ownAddresses: () => ['10.244.0.7'],
        privateDestinations: allowing('a.example.com', '0.0.0.0/0', '::/0'),
      });
      expect(await rejection(resolver.resolve('a.example.com', 443))).toMatchObject({
        code: 'UpstreamNameRefused',
      });
    },
  );

  it.each([
    ['a Service in full', 'edr.soc.svc.cluster.local', {}],
    ['a Service of another namespace', 'edr.other.svc.cluster.local', {}],
    ['a pod of a headless Service', 'edr-0.edr.soc.svc.cluster.local', {}],
    ['a Service without the domain', 'edr.soc.svc', {}],
    ['a name of one label', 'edr', {}],
    ['a Service and its namespace', 'edr.soc', { 'edr.soc.svc.cluster.local.': ['10.96.0.9'] }],
    [
      'a pod of a headless Service by its short name',
      'edr-0.edr',
      { 'edr-0.edr.soc.svc.cluster.local.': ['10.96.0.1', '10.96.0.9'] },
    ],
  ])('is reached if it is of the cluster: %s', async (_, host, records) => {
    const lookup = having({ [host]: ['10.96.0.9'], ...records });
    const resolver = createResolver({ lookup, searchDomains: SEARCH });
    expect((await resolver.resolve(host, 443)).addresses).toHaveLength(1);
  });

  it.each([
    ['a public name', 'rebound.dev', {}],
    [
      'a public name like a Service elsewhere',
      'edr.dev',
      { 'edr.dev.svc.cluster.local.': ['10.96.0.1'] },
    ],
    ['a name that only looks like the cluster', 'edr.svc.cluster.local.evil.com', {}],
    ['the cluster of somebody else', 'edr.soc.svc.evil.com', {}],
    ['a domain that the pod’s author added', 'git.corp.example.com', {}],
  ])('is refused if it is not: %s', async (_, host, records) => {
    const lookup = having({ [host]: ['10.96.0.9'], ...records });
    const resolver = createResolver({ lookup, searchDomains: [...SEARCH, 'a.svc.evil.com'] });
    expect(await rejection(resolver.resolve(host, 443))).toMatchObject({
      code: 'UpstreamNameRefused',
    });
  });

  it('is no matter where the grant has the address itself, unless in disguise', async () => {
    const resolver = createResolver({ lookup: () => Promise.reject(new Error('not asked')) });
    expect((await resolver.resolve('10.1.2.3', 443)).addresses).toHaveLength(1);
    for (const host of ['[::ffff:a01:203]', '[64:ff9b::a01:203]', '[2002:a01:203::]']) {
      expect(await rejection(resolver.resolve(host, 443))).toMatchObject({
        code: 'UpstreamNameRefused',
      });
    }
  });
});
