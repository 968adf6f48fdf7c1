/** The sidecar's DNS, asked over real sockets by Node's own resolver (c-ares) and by attackers. */

import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DecodedPacket, decode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import { startDNSServer } from '../../../../sidecar/dns/server.ts';
import { createSyntheticAddresses } from '../../../../sidecar/dns/synthetic-addresses.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answered, ask, QUESTION, query, rcodeOf, startsServers } from './servers.ts';

const { aServer, cleanUps } = startsServers();

describe('a client', () => {
  it.each(['127.0.0.1', '::1'])('gets synthetic addresses from %s', async (host) => {
    const { resolver, addresses } = await aServer({ host });
    const [ipv4 = ''] = await resolver.resolve4('API.example.com');
    const [ipv6 = ''] = await resolver.resolve6('api.example.com');
    expect(addresses.nameOf(ipv4)).toBe('api.example.com');
    expect(addresses.nameOf(ipv6)).toBe('api.example.com');
    expect(await resolver.resolve4('api.example.com', { ttl: true })).toEqual([
      { address: ipv4, ttl: 30 },
    ]);
  });

  it('gets no address of a family that the pod does not have', async () => {
    const { resolver } = await aServer({ families: { ipv4: true, ipv6: false } });
    await expect(resolver.resolve6('api.example.com')).rejects.toMatchObject({ code: 'ENODATA' });
    expect(await resolver.resolve4('api.example.com')).toHaveLength(1);
  });

  it('gets the name back for an address', async () => {
    const { resolver, port } = await aServer();
    for (const family of ['A', 'AAAA'] as const) {
      const [address = ''] = (await resolver.resolve('api.example.com', family)) as string[];
      expect(await resolver.reverse(address)).toEqual(['api.example.com']);
    }
    // The resolver would look into its own hosts file first.
    for (const name of ['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]) {
      const answer = decode(await answered(port, query({ questions: [{ type: 'PTR', name }] })));
      expect(answer.answers).toMatchObject([{ type: 'PTR', name, data: 'localhost' }]);
    }
    for (const other of ['8.8.8.8', '2001:db8::1', '198.18.77.77']) {
      await expect(resolver.reverse(other)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    }
  });

  it('gets loopback for localhost', async () => {
    const { resolver } = await aServer();
    for (const name of ['localhost', 'a.LOCALHOST']) {
      expect(await resolver.resolve4(name)).toEqual(['127.0.0.1']);
      expect(await resolver.resolve6(name)).toEqual(['::1']);
    }
  });

  it.each([
    'kubernetes',
    'svc.shop.svc.cluster.local',
    '_sip._tcp.example.com',
    `${'a'.repeat(63)}.b`,
  ])('finds %s', async (name) => {
    const { resolver, addresses } = await aServer();
    const [address = ''] = await resolver.resolve4(name);
    expect(addresses.nameOf(address)).toBe(name);
  });

  it.each([
    '10.0.0.1',
    '169.254.169.254.',
    'metadata.0x7f',
    'a.invalid',
    'ipv4only.arpa',
    '1.0.18.198.in-addr.arpa',
    '-a.example.com',
    'a_-.example.com',
  ])('does not find %s', async (name) => {
    const { port } = await aServer();
    for (const type of ['A', 'AAAA'] as const) {
      expect(rcodeOf(await answered(port, query({ questions: [{ type, name }] })))).toBe(3);
    }
  });

  it.each(['MX', 'TXT', 'SRV', 'NS', 'SOA', 'CAA'] as const)(
    'learns of no %s record, but of the name',
    async (type) => {
      const { port } = await aServer();
      const answer = decode(await answered(port, query({ questions: [{ ...QUESTION, type }] })));
      expect(answer).toMatchObject({ rcode: 'NOERROR', answers: [] });
    },
  );

  it('gets the question back as it was spelled, and its flags', async () => {
    const { port } = await aServer();
    const name = 'aPi.ExAmPlE.cOm';
    const answer: DecodedPacket = decode(
      await answered(port, query({ questions: [{ type: 'A', name }] })),
    );
    expect(answer).toMatchObject({ id: 7, type: 'response', flag_rd: true, flag_ra: true });
    expect(answer.questions).toEqual([{ type: 'A', name, class: 'IN' }]);
    expect(answer.answers?.[0]?.name).toBe(name);
  });

  it('is told in EDNS of EDNS, and that another version of it is not known', async () => {
    const { port } = await aServer();
    const withVersion = (ednsVersion: number): Buffer =>
      query({
        questions: [QUESTION],
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 1232,
            extendedRcode: 0,
            ednsVersion,
            flags: 0x8000,
            flag_do: true,
            options: [{ code: 12, length: 40 }],
          },
        ],
      });
    const known = decode(await answered(port, withVersion(0)));
    expect(known.answers).toHaveLength(1);
    expect(known.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 0, ednsVersion: 0 }]);
    const unknown = decode(await answered(port, withVersion(1)));
    expect(unknown.answers).toEqual([]);
    expect(unknown.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
  });

  it('asks again over TCP where the answer is too long', async () => {
    const { port, resolver } = await aServer();
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
    const answer = decode(await answered(port, query({ questions: [{ type: 'AAAA', name }] })));
    expect(answer).toMatchObject({ flag_tc: true, answers: [] });
    expect(await resolver.resolve6(name)).toHaveLength(1);
  });
});

describe('a message that is no question', () => {
  const header = (flags: number, counts: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(12);
    [7, flags, ...counts].forEach((value, i) => {
      bytes.writeUInt16BE(value, 2 * i);
    });
    return bytes;
  };
  const name = Buffer.from('\x03api\x07example\x03com\x00\x00\x01\x00\x01', 'latin1');
  const aMessage = (flags: number, counts: readonly number[], bytes: Buffer | string): Buffer =>
    Buffer.concat([
      header(flags, counts),
      typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes,
    ]);

  it.each([
    ['a response', aMessage(0x8000, [1, 0, 0, 0], name), null],
    ['half a header', Buffer.alloc(11), null],
    ['nothing', Buffer.alloc(0), null],
    ['an UPDATE', aMessage(5 << 11, [1, 0, 0, 0], name), 4],
    ['a NOTIFY', aMessage(4 << 11, [1, 0, 0, 0], name), 4],
    ['no question', header(0, [0, 0, 0, 0]), 1],
    ['two questions', aMessage(0, [2, 0, 0, 0], Buffer.concat([name, name])), 1],
    ['the claim of 65535 records each', aMessage(0, [1, 65535, 65535, 65535], name), 1],
    ['the claim of 65535 questions', header(0, [65535, 0, 0, 0]), 1],
    ['an answer with it', aMessage(0, [1, 1, 0, 0], name), 1],
    [
      'a compressed name that leads to itself',
      aMessage(0, [1, 0, 0, 0], '\xc0\x0c\x00\x01\x00\x01'),
      1,
    ],
    [
      'a compressed name that leads into the header',
      aMessage(0, [1, 0, 0, 0], '\x01a\xc0\x00\x00\x01\x00\x01'),
      1,
    ],
    ['a name that ends too early', aMessage(0, [1, 0, 0, 0], '\x3fabc'), 1],
    ['a question without class', aMessage(0, [1, 0, 0, 0], '\x01a\x00\x00\x01'), 1],
    ['a dot within a label', aMessage(0, [1, 0, 0, 0], '\x03a.b\x03com\x00\x00\x01\x00\x01'), 1],
    ['a label type of old', aMessage(0, [1, 0, 0, 0], '\x41a\x00\x00\x01\x00\x01'), 1],
    ['bytes that are no text', aMessage(0, [1, 0, 0, 0], '\x02\xff\xfe\x00\x00\x01\x00\x01'), 1],
    ['a NUL in the name', aMessage(0, [1, 0, 0, 0], '\x02a\x00\x00\x00\x01\x00\x01'), 3],
    [
      'a name of 256 bytes',
      aMessage(0, [1, 0, 0, 0], `${'\x01a'.repeat(128)}\x00\x00\x01\x00\x01`),
      1,
    ],
    ['the class of CHAOS', aMessage(0, [1, 0, 0, 0], '\x01a\x00\x00\x10\x00\x03'), 5],
    ['a zone transfer', aMessage(0, [1, 0, 0, 0], '\x01a\x00\x00\xfc\x00\x01'), 5],
    [
      'a signature instead of EDNS',
      aMessage(
        0,
        [1, 0, 0, 1],
        `${name.toString('latin1')}\x00\x00\xfa\x00\xff${'\x00'.repeat(6)}`,
      ),
      1,
    ],
    [
      'EDNS that is cut off',
      aMessage(
        0,
        [1, 0, 0, 1],
        `${name.toString('latin1')}\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x08`,
      ),
      1,
    ],
    [
      'more than any question has',
      Buffer.concat([aMessage(0, [1, 0, 0, 0], name), Buffer.alloc(4000)]),
      1,
    ],
  ])('%s', async (_name, message, rcode) => {
    const { port, events } = await aServer();
    const answer = await ask(port, message, rcode === null ? 100 : 1000);
    expect(answer === null ? null : rcodeOf(answer)).toBe(rcode);
    if (answer !== null) expect(answer.readUInt16BE(0)).toBe(7);
    expect(events).toHaveLength(1);
    // And the server is still there.
    expect(rcodeOf(await answered(port, query({ questions: [QUESTION] })))).toBe(0);
  });
});

it('a flood is answered up to a rate, and then no more than that', async () => {
  // Time stands still, so that a slow machine floods as well as a fast one.
  const clock = new FakeClock();
  const { port, events } = await aServer({ clock });
  const socket = createSocket('udp4');
  cleanUps.unshift(() => socket.close());
  const message = query({ questions: [QUESTION] });
  for (let i = 0; i < 5000; i += 1) {
    socket.send(message, port, '127.0.0.1');
    if (i % 50 === 0) await sleep(0);
  }
  await sleep(300);
  const results = events.map((event) => (event.type === 'Question' ? event.result : event.type));
  expect(results).toContain('Dropped');
  expect(results.filter((result) => result === 'Answered').length).toBeLessThan(4000);
  await clock.advance(100);
  expect(rcodeOf(await answered(port, message))).toBe(0);
});

it('does not start where its port is taken, and leaves nothing open', async () => {
  const { port } = await aServer();
  const options = {
    listen: [
      { host: '::1', port },
      { host: '127.0.0.1', port },
    ],
    addresses: createSyntheticAddresses(),
    families: { ipv4: true, ipv6: true },
    clock: systemClock,
    onEvent: () => {},
  };
  await expect(startDNSServer(options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  const again = await startDNSServer({ ...options, listen: [{ host: '::1', port }] });
  await again.close();
});
