/**
 * The packet filter in real network namespaces. Whatever an attacker in the pod tries, no packet may leave it; and each attack
 * is tried in a pod without the filter too, where packets must leave: otherwise it would prove nothing.
 */

import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_AGENT_UID, SIDECAR_PORTS, SIDECAR_UID } from '../../core/api/pod-layout.ts';
import { ROOT } from '../../scripts/tools.ts';
import {
  ANSWER_SECONDS,
  type As,
  FAR,
  GROUP,
  missingForPodNetworks,
  NARROW,
  NEIGHBOUR,
  type Outcome,
  POD,
  PodNetwork,
} from '../support/pod-network.ts';
import { ipv6Bytes, type Step } from '../support/raw-sockets.ts';
import { FLAGS, packet, SEGMENT_BYTES, segment } from '../support/segments.ts';

/** Of this copy of the repository, wherever it is run from. */
const NET_INIT = join(ROOT, 'sidecar/net-init/main.ts');

const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const STREAM = 1;
const DATAGRAM = 2;
const RAW = 3;
const ICMP = 1;
const ICMPV6 = 58;
const TCP = 6;
const EXPERIMENT = 253;
const IPV4_ETHERTYPE = 0x0800;
const UDPLITE = 136;
const MPTCP = 262;
const SOL_SOCKET = 1;
const SO_REUSEADDR = [SOL_SOCKET, 2, 1] as const;
const SO_BROADCAST = [SOL_SOCKET, 6, 1] as const;
const SO_BINDTODEVICE = [SOL_SOCKET, 25] as const;
const IPV6_FREEBIND = [41, 78, 1] as const;
const IP_OPTIONS = [0, 4] as const;
const IP_MTU_DISCOVER_DO = [0, 10, 2] as const;
const MSG_FASTOPEN = 0x20000000;

const AGENT = { uid: DEFAULT_AGENT_UID };
const SIDECAR = { uid: SIDECAR_UID };
/** Whom admission refuses. */
const RAW_AGENT = { uid: DEFAULT_AGENT_UID, capabilities: ['net_raw'] };
/** With what containerd and Docker leave to root in a container that says nothing of capabilities. */
const DEFAULT_ROOT = {
  uid: 0,
  capabilities: [
    'audit_write',
    'chown',
    'dac_override',
    'fowner',
    'fsetid',
    'kill',
    'mknod',
    'net_bind_service',
    'net_raw',
    'setfcap',
    'setgid',
    'setpcap',
    'setuid',
    'sys_chroot',
  ],
};
const PORTS = { ACTIONGRANT_INBOUND_PORTS: '8080/tcp,8081/tcp,5353/udp' };
/** Somebody outside whom nothing was granted for. */
const X = '2001:db8::bad';

const missing = missingForPodNetworks();
if (missing !== null) {
  if (process.env['CI'] === 'true') throw new Error(`CI must be able to test net-init: ${missing}`);
  process.stderr.write(`\nNOT TESTED: the packet filter, because ${missing}\n\n`);
}

const netInit = (
  network: PodNetwork,
  environment: Record<string, string> = PORTS,
  ...args: string[]
): Promise<Outcome> => network.inPod([process.execPath, NET_INIT, ...args], undefined, environment);

const udp = (address: string, port: number, data = 'secret'): Step[] => [
  ['socket', 'a', address.includes(':') ? AF_INET6 : AF_INET, DATAGRAM, 0],
  ['sendto', 'a', data, address, port],
];

const tcp = (address: string, port: number, protocol = 0): Step[] => [
  ['socket', 'a', address.includes(':') ? AF_INET6 : AF_INET, STREAM, protocol],
  ['connect', 'a', address, port],
  ['send', 'a', 'secret'],
  ['receive', 'a'],
];

/** Bound to an address that the pod does not have, which needs no capability in IPv6. */
const boundTo = (address: string, port: number, type: number): Step[] => [
  ['socket', 'x', AF_INET6, type, 0],
  ['option', 'x', ...IPV6_FREEBIND],
  ['bind', 'x', address, port],
];

/** Where programs that run beside one another wait for one another; all of them may write there. */
const signals = mkdtempSync(join(tmpdir(), 'net-init-signals-'));
chmodSync(signals, 0o777);
afterAll(() => rmSync(signals, { recursive: true }));
const aSignal = (): string => join(signals, randomUUID());

interface Attack {
  name: string;
  steps: readonly Step[];
  /** Index of the step that fails, and how, where the kernel tells. */
  fails?: readonly [step: number, error: string];
  as?: As;
}

const ATTACKS: readonly Attack[] = [
  { name: 'QUIC: UDP to port 443', steps: udp(FAR.ipv4, 443), fails: [1, 'EPERM'] },
  { name: 'QUIC over IPv6', steps: udp(FAR.ipv6, 443), fails: [1, 'EPERM'] },
  { name: 'UDP to a neighbour on the link', steps: udp(NEIGHBOUR.ipv4, 9), fails: [1, 'EPERM'] },
  { name: 'UDP in fragments', steps: udp(FAR.ipv4, 9, 'x'.repeat(6000)), fails: [1, 'EPERM'] },
  { name: 'UDP over IPv6 in fragments', steps: udp(FAR.ipv6, 9, 'x'.repeat(6000)) },
  { name: 'UDP to a link-local address', steps: udp(`${NEIGHBOUR.linkLocal}%pod0`, 9) },
  { name: 'multicast', steps: udp('224.0.0.251', 5353), fails: [1, 'EPERM'] },
  { name: 'multicast over IPv6', steps: udp('ff02::fb%pod0', 5353) },
  {
    name: 'joining a multicast group whose number is the message',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      // IP_ADD_MEMBERSHIP of 239.1.2.3 on the pod's address.
      ['option', 'a', 0, 35, '\xef\x01\x02\x03\x0a\x4d\x00\x02'],
      ['sleep', 500],
    ],
  },
  {
    name: 'broadcast',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['option', 'a', ...SO_BROADCAST],
      ['sendto', 'a', 'secret', '255.255.255.255', 67],
      ['sendto', 'a', 'secret', '10.77.0.255', 67],
    ],
  },
  { name: 'a question to a DNS server of its choice', steps: udp(FAR.ipv4, 53) },
  { name: 'the same over IPv6', steps: udp(FAR.ipv6, 53) },
  { name: 'DNS over TCP', steps: tcp(FAR.ipv4, 53) },
  { name: 'a TCP connection', steps: tcp(FAR.ipv4, 443) },
  { name: 'a TCP connection over IPv6', steps: tcp(FAR.ipv6, 443) },
  { name: 'a TCP connection to the metadata address', steps: tcp('169.254.169.254', 80) },
  {
    name: 'a TCP connection to a link-local address',
    steps: tcp(`${NEIGHBOUR.linkLocal}%pod0`, 80).slice(0, 2),
  },
  { name: 'Multipath TCP', steps: tcp(FAR.ipv4, 443, MPTCP) },
  { name: 'Multipath TCP over IPv6', steps: tcp(FAR.ipv6, 443, MPTCP) },
  {
    name: 'TCP Fast Open: data in the first packet',
    steps: [
      ['socket', 'a', AF_INET, STREAM, 0],
      ['sendto', 'a', 'secret', FAR.ipv4, 443, MSG_FASTOPEN],
    ],
  },
  {
    name: 'ping',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, ICMP],
      ['sendto', 'a', '\x08\x00\x00\x00\x00\x01\x00\x01secret', FAR.ipv4, 0],
    ],
    fails: [1, 'EPERM'],
  },
  {
    name: 'ping over IPv6',
    steps: [
      ['socket', 'a', AF_INET6, DATAGRAM, ICMPV6],
      ['sendto', 'a', '\x80\x00\x00\x00\x00\x01\x00\x01secret', FAR.ipv6, 0],
    ],
  },
  {
    name: 'UDP-Lite',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, UDPLITE],
      ['sendto', 'a', 'secret', FAR.ipv4, 9],
    ],
  },
  {
    name: 'UDP from a socket bound to the interface',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE, 'pod0'],
      ['sendto', 'a', 'secret', FAR.ipv4, 9],
      ['sendto', 'a', 'secret', '127.0.0.1', 9],
    ],
  },
  {
    name: 'DNS from a socket bound to the interface',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE, 'pod0'],
      ['sendto', 'a', 'secret', FAR.ipv4, 53],
    ],
  },
  {
    name: 'TCP from a socket bound to the interface',
    steps: [
      ['socket', 'a', AF_INET, STREAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE, 'pod0'],
      ['sendto', 'a', 'secret', FAR.ipv4, 443, MSG_FASTOPEN],
      ['connect', 'a', FAR.ipv4, 443],
    ],
  },
  {
    name: 'TCP over IPv6 from a socket bound to the interface',
    steps: [
      ['socket', 'a', AF_INET6, STREAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE, 'pod0'],
      ['connect', 'a', FAR.ipv6, 443],
    ],
  },
  {
    name: 'an answer to itself under an address of somebody outside',
    steps: [
      ...boundTo(X, 4444, DATAGRAM),
      ['socket', 'b', AF_INET6, DATAGRAM, 0],
      ['bind', 'b', POD.ipv6, 9999],
      ['sendto', 'x', 'hello', POD.ipv6, 9999],
      ['receive', 'b'],
      ['sendto', 'b', 'secret', X, 4444],
    ],
    fails: [7, 'EPERM'],
  },
  {
    name: 'the same from a declared port',
    steps: [
      ...boundTo(X, 4444, DATAGRAM),
      ['socket', 'b', AF_INET6, DATAGRAM, 0],
      ['bind', 'b', POD.ipv6, 5353],
      ['sendto', 'x', 'hello', POD.ipv6, 5353],
      ['receive', 'b'],
      ['sendto', 'b', 'secret', X, 4444],
    ],
    fails: [7, 'EPERM'],
  },
  {
    name: 'a handshake with itself under an address of somebody outside',
    steps: [
      ['socket', 'b', AF_INET6, STREAM, 0],
      ['bind', 'b', POD.ipv6, 9999],
      ['listen', 'b'],
      ...boundTo(X, 4444, STREAM),
      ['connect', 'x', POD.ipv6, 9999],
    ],
  },
  {
    name: 'a DNS question whose answer goes to somebody outside',
    steps: [...boundTo(X, 4444, DATAGRAM), ['sendto', 'x', 'secret', FAR.ipv6, 53], ['sleep', 200]],
  },
  {
    name: 'a redirected connection under an address of somebody outside',
    steps: [...boundTo(X, 4444, STREAM), ['connect', 'x', FAR.ipv6, 443]],
  },
  {
    name: 'by root without capabilities',
    steps: udp(FAR.ipv4, 443),
    as: { uid: 0 },
    fails: [1, 'EPERM'],
  },
  {
    name: "by another user with the sidecar's group",
    steps: udp(FAR.ipv4, 443),
    as: { uid: 1234, gid: SIDECAR_UID },
    fails: [1, 'EPERM'],
  },
  {
    name: 'with NET_RAW: a protocol of its own',
    steps: [
      ['socket', 'a', AF_INET, RAW, EXPERIMENT],
      ['sendto', 'a', 'secret', FAR.ipv4, 0],
    ],
    as: RAW_AGENT,
    fails: [1, 'EPERM'],
  },
  {
    name: 'with NET_RAW: a neighbour advertisement that is a message',
    steps: [
      ['socket', 'a', AF_INET6, RAW, ICMPV6],
      ['sendto', 'a', `\x88\0\0\0\0\0\0\0${'secret'.repeat(4)}`, FAR.ipv6, 0],
    ],
    as: RAW_AGENT,
    fails: [1, 'EPERM'],
  },
];

/** Segments from a raw socket that belong to no connection, and what becomes of the steps that send them. */
function oddSegments(family: string, pod: string, far: string, base: number) {
  return [
    // INVALID, as conntrack calls them.
    { flags: FLAGS.syn | FLAGS.fin, named: 'SYN and FIN', becomes: 'EPERM' },
    { flags: 0, named: 'no flag', becomes: 'EPERM' },
    { flags: FLAGS.fin, named: 'FIN', becomes: 'EPERM' },
    { flags: FLAGS.rst, named: 'RST', becomes: 'EPERM' },
    { flags: FLAGS.syn | FLAGS.ack, named: 'SYN and ACK', becomes: 'EPERM' },
    // Taken for one of a connection that conntrack missed the beginning of: led to the sidecar, whose kernel knows of none.
    { flags: FLAGS.ack, named: 'ACK', becomes: SEGMENT_BYTES },
  ].map(({ flags, named, becomes }, i) => {
    const port = base + i;
    const from = { address: pod, port: 30_000 + port };
    const steps = rawSegments(far, [segment(from, { address: far, port }, flags)]);
    return { name: `${family}, ${named}`, port, steps, becomes: [0, becomes] };
  });
}

const rawSegments = (far: string, segments: readonly string[]): Step[] => [
  ['socket', 'r', far.includes(':') ? AF_INET6 : AF_INET, RAW, TCP],
  ...segments.map((one): Step => ['sendto', 'r', one, far, 0]),
];

/** Segments in the place of one's own connection. Wherever it is in its sequence, some of them are outside of its window. */
function outOfWindow(pod: string, far: string, port: number): Step[] {
  const from = { address: pod, port: 36_000 + port };
  const to = { address: far, port };
  return [
    ['socket', 'a', far.includes(':') ? AF_INET6 : AF_INET, STREAM, 0],
    ['bind', 'a', pod, from.port],
    ['connect', 'a', far, port],
    ...rawSegments(
      far,
      [0, 1, 2, 3].map((quarter) => segment(from, to, FLAGS.ack, quarter * 2 ** 30)),
    ),
  ];
}

/** Nothing leaves even without the filter, on kernels as they are today; here it must not either. */
const TRICKS: readonly Attack[] = [
  {
    name: 'a question to the DNS listener under an address of somebody outside',
    steps: [
      ...boundTo(X, 4444, DATAGRAM),
      ['sendto', 'x', 'secret', '::1', SIDECAR_PORTS.dns],
      ['sleep', 200],
    ],
  },
  {
    name: "a connection to the sidecar's proxy under an address of somebody outside",
    steps: [...boundTo(X, 4444, STREAM), ['connect', 'x', '::1', SIDECAR_PORTS.explicitProxy]],
  },
  {
    name: 'out of loopback to somewhere else, to be forwarded',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE, 'lo'],
      ['sendto', 'a', 'secret', FAR.ipv4, 9],
    ],
  },
  {
    name: 'loose source routing over the pod itself',
    steps: [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      // RFC 791: option 131, length 7, pointer 4, one hop.
      ['option', 'a', ...IP_OPTIONS, '\x83\x07\x04\x0a\x4d\x00\x02\x00'],
      ['sendto', 'a', 'secret', FAR.ipv4, 9],
    ],
  },
  { name: 'a raw socket', steps: [['socket', 'a', AF_INET, RAW, 255]], fails: [0, 'EPERM'] },
  { name: 'a packet socket', steps: [['socket', 'a', AF_PACKET, RAW, 0x300]], fails: [0, 'EPERM'] },
];

/** What the sidecar and the servers of the agent are to the network: listeners that answer. */
async function populate(network: PodNetwork): Promise<() => Promise<void>> {
  const loopback = (port: number) =>
    [
      ['127.0.0.1', port],
      ['::1', port],
    ] as const;
  const { explicitProxy, transparent, dns, operations } = SIDECAR_PORTS;
  const stop = await network.serve(
    'pod',
    {
      name: 'sidecar',
      tcp: [...[explicitProxy, transparent, dns].flatMap(loopback), ['::', operations]],
      udp: loopback(dns),
    },
    SIDECAR,
  );
  await network.serve(
    'pod',
    {
      name: 'agent',
      tcp: [
        ['::', 8080],
        ['::', 8082],
        ['::', 53],
      ],
      udp: [
        ['127.0.0.1', 53],
        ['::1', 53],
        [POD.ipv4, 53],
        [POD.ipv6, 53],
        ['0.0.0.0', 5353],
        ['0.0.0.0', 5354],
      ],
    },
    AGENT,
  );
  await network.serve('world', {
    name: 'world',
    tcp: [
      ['::', 443],
      ['::', 53],
    ],
    udp: [
      [FAR.ipv4, 53],
      [FAR.ipv4, 443],
      [FAR.ipv6, 443],
    ],
  });
  return stop;
}

describe.skipIf(missing !== null)('interception', () => {
  let bare: PodNetwork;
  let guarded: PodNetwork;
  let stopSidecar: () => Promise<void>;

  beforeAll(async () => {
    bare = await PodNetwork.create();
    await populate(bare);
    guarded = await PodNetwork.create();
    stopSidecar = await populate(guarded);
    const { code, stderr } = await netInit(guarded);
    expect(stderr).toContain('the packet filter is in force');
    expect(code).toBe(0);
  });
  afterAll(async () => {
    await bare?.close();
    await guarded?.close();
  });

  /** What became of the steps without the filter and with it, and how many packets left with it. */
  async function inBoth(as: As, steps: readonly Step[]) {
    let results: unknown[] = [];
    const [unfiltered, packets] = await Promise.all([
      bare.callsInPod(as, steps),
      guarded.packetsDuring(async () => {
        results = await guarded.callsInPod(as, steps);
      }),
    ]);
    return { unfiltered, packets, results };
  }

  describe('lets no packet of the agent out', () => {
    it.each(ATTACKS)('$name', async ({ steps, fails, as = AGENT }) => {
      let results: unknown[] = [];
      const [unfiltered, packets] = await Promise.all([
        bare.packetsDuring(() => bare.callsInPod(as, steps)),
        guarded.packetsDuring(async () => {
          results = await guarded.callsInPod(as, steps);
        }),
      ]);
      expect(unfiltered).toBeGreaterThan(0);
      expect({ packets, results }).toMatchObject({ packets: 0 });
      if (fails !== undefined) expect(results[fails[0]]).toBe(fails[1]);
    });

    it('joining a multicast group over IPv6 whose number is the message', async () => {
      const steps: Step[] = [
        ['socket', 'a', AF_INET6, DATAGRAM, 0],
        // IPV6_ADD_MEMBERSHIP, on the interface that the group is routed to.
        ['option', 'a', 41, 20, `${ipv6Bytes(GROUP).toString('latin1')}\0\0\0\0`],
        ['sleep', 2000],
      ];
      const joins = (network: PodNetwork, results: unknown[] = []) =>
        network.joinsDuring(async () => {
          results.push(...(await network.callsInPod(AGENT, steps)));
        });
      const results: unknown[] = [];
      const [unfiltered, filtered] = await Promise.all([joins(bare), joins(guarded, results)]);
      expect(unfiltered).toBeGreaterThan(0);
      expect(filtered).toBe(0);
      // It is not the socket that is refused.
      expect(results).toEqual([0, 0, 0]);
    });

    it.each(TRICKS)('$name', async ({ steps, fails }) => {
      let results: unknown[] = [];
      const packets = await guarded.packetsDuring(async () => {
        results = await guarded.callsInPod(AGENT, steps);
      });
      expect(packets).toBe(0);
      if (fails !== undefined) expect(results[fails[0]]).toBe(fails[1]);
    });
  });

  // Where no packets are counted, nobody disturbs another.
  describe.concurrent('leads to the sidecar', () => {
    it.each([
      ['TCP', tcp(FAR.ipv4, 443)],
      ['TCP over IPv6', tcp(FAR.ipv6, 8443)],
      ['Multipath TCP', tcp(FAR.ipv4, 443, MPTCP)],
      ['DNS over TCP', tcp(FAR.ipv4, 53)],
      ['DNS', [...udp(FAR.ipv4, 53), ['receive', 'a']]],
      ['DNS over IPv6', [...udp(FAR.ipv6, 53), ['receive', 'a']]],
      ['the explicit proxy', tcp('127.0.0.1', SIDECAR_PORTS.explicitProxy)],
    ] satisfies [string, Step[]][])('%s', async (_name, steps) => {
      expect((await guarded.callsInPod(AGENT, steps, ANSWER_SECONDS)).at(-1)).toBe(
        'sidecar secret',
      );
    });
  });

  describe.concurrent('inside the pod', () => {
    it('containers reach each other', async () => {
      for (const address of ['127.0.0.1', '::1', POD.ipv4, POD.ipv6]) {
        expect((await guarded.callsInPod(AGENT, tcp(address, 8082), ANSWER_SECONDS)).at(-1)).toBe(
          'agent secret',
        );
      }
    });

    it.each([
      ['127.0.0.1', SIDECAR_PORTS.operations, 0],
      ['::1', SIDECAR_PORTS.operations, 0],
      [POD.ipv4, SIDECAR_PORTS.operations, 0],
      [POD.ipv6, SIDECAR_PORTS.operations, 0],
      ['127.0.0.1', SIDECAR_PORTS.operations, MPTCP],
      ['127.0.0.1', SIDECAR_PORTS.transparent, 0],
      ['127.0.0.1', SIDECAR_PORTS.transparent, MPTCP],
      ['::1', SIDECAR_PORTS.transparent, 0],
    ])('the agent does not reach %s port %i (protocol %i)', async (address, port, protocol) => {
      const steps = tcp(address, port, protocol);
      const [unfiltered, filtered] = await Promise.all([
        bare.callsInPod(AGENT, steps, ANSWER_SECONDS),
        guarded.callsInPod(AGENT, steps),
      ]);
      expect(unfiltered.at(-1)).toBe('sidecar secret');
      expect(filtered[1]).toBe('ECONNREFUSED');
    });

    it('the sidecar does', async () => {
      const steps = tcp('127.0.0.1', SIDECAR_PORTS.operations);
      expect((await guarded.callsInPod(SIDECAR, steps, ANSWER_SECONDS)).at(-1)).toBe(
        'sidecar secret',
      );
    });
  });

  describe('the sidecar', () => {
    it.each([
      ['TCP', tcp(FAR.ipv4, 443)],
      ['TCP over IPv6', tcp(FAR.ipv6, 443)],
      ['UDP', [...udp(FAR.ipv4, 53), ['receive', 'a']]],
      ['UDP over IPv6', [...udp(FAR.ipv6, 443), ['receive', 'a']]],
    ] satisfies [string, Step[]][])('gets out: %s', async (_name, steps) => {
      expect((await guarded.callsInPod(SIDECAR, steps, ANSWER_SECONDS)).at(-1)).toBe(
        'world secret',
      );
    });

    it('finds its neighbours anew, and they it (RFC 4861)', async () => {
      await guarded.inPod(['ip', 'neigh', 'flush', 'all']);
      await guarded.inWorld(['ip', 'neigh', 'flush', 'all']);
      expect((await guarded.callsInPod(SIDECAR, tcp(FAR.ipv6, 443), ANSWER_SECONDS)).at(-1)).toBe(
        'world secret',
      );
      await guarded.inWorld(['ip', 'neigh', 'flush', 'all']);
      expect((await guarded.callsInWorld(tcp(POD.ipv6, 8080), ANSWER_SECONDS)).at(-1)).toBe(
        'agent secret',
      );
    });

    it('learns of a narrower path (RFC 1191)', async () => {
      const results = await guarded.callsInPod(SIDECAR, [
        ['socket', 'a', AF_INET, DATAGRAM, 0],
        ['option', 'a', ...IP_MTU_DISCOVER_DO],
        ['connect', 'a', NARROW.ipv4, 9],
        ['send', 'a', 'x'.repeat(1400)],
        ['sleep', 100],
        ['send', 'a', 'x'.repeat(1400)],
      ]);
      expect(results.at(3)).toBe(1400);
      expect(results.at(5)).toBe('EMSGSIZE');
    });

    it.concurrent('is not answered by the agent in the name of whom it asked', async () => {
      const asks: Step[] = [
        ['socket', 'a', AF_INET6, DATAGRAM, 0],
        ['bind', 'a', POD.ipv6, 44_445],
        // Nobody there answers.
        ['connect', 'a', X, 5300],
        ['send', 'a', 'question'],
      ];
      const answers: Step[] = [
        ...boundTo(X, 5300, DATAGRAM),
        ['sendto', 'x', 'forged', POD.ipv6, 44_445],
      ];
      const heard = async (network: PodNetwork, seconds?: number) => {
        const asked = aSignal();
        const answered = aSignal();
        const [results] = await Promise.all([
          network.callsInPod(
            SIDECAR,
            [...asks, ['signal', asked], ['await', answered], ['receive', 'a']],
            seconds,
          ),
          network.callsInPod(AGENT, [['await', asked], ...answers, ['signal', answered]]),
        ]);
        return results.at(-1);
      };
      const [unfiltered, filtered] = await Promise.all([
        heard(bare, ANSWER_SECONDS),
        heard(guarded),
      ]);
      expect(unfiltered).toBe('forged');
      expect(filtered).not.toBe('forged');
    });

    it.concurrent.each(['127.0.0.1', '127.0.0.53', '::1', POD.ipv4, POD.ipv6])(
      'asks no DNS server of the agent: %s',
      async (address) => {
        const question: Step[] = [...udp(address, 53), ['receive', 'a']];
        const connection = tcp(address, 53);
        const [asked, connected, ...refused] = await Promise.all([
          // Nobody listens for UDP at 127.0.0.53; that it is refused and not only unanswered is what counts.
          address === '127.0.0.53'
            ? ['agent secret']
            : bare.callsInPod(SIDECAR, question, ANSWER_SECONDS),
          bare.callsInPod(SIDECAR, connection, ANSWER_SECONDS),
          guarded.callsInPod(SIDECAR, question),
          guarded.callsInPod(SIDECAR, connection),
        ]);
        expect([asked.at(-1), connected.at(-1)]).toEqual(['agent secret', 'agent secret']);
        expect(refused.map((results) => results[1])).toEqual(['EPERM', 'ECONNREFUSED']);
      },
    );

    it.concurrent('is not made to by a packet that looks like the question it will ask', async () => {
      // The sidecar's question is then a reply, as the kernel tracks connections.
      const before: Step[] = [
        ['socket', 'x', AF_INET, DATAGRAM, 0],
        ['bind', 'x', '127.0.0.2', 53],
        ['sendto', 'x', 'hello', '127.0.0.1', 44_446],
      ];
      const heard = async (network: PodNetwork, seconds?: number) => {
        const bound = aSignal();
        const sent = aSignal();
        const asked = aSignal();
        const [, results] = await Promise.all([
          network.callsInPod(SIDECAR, [
            ['socket', 'a', AF_INET, DATAGRAM, 0],
            ['bind', 'a', '127.0.0.1', 44_446],
            ['signal', bound],
            ['await', sent],
            ['sendto', 'a', 'secret', '127.0.0.2', 53],
            ['signal', asked],
          ]),
          network.callsInPod(
            AGENT,
            [['await', bound], ...before, ['signal', sent], ['await', asked], ['receive', 'x']],
            seconds,
          ),
        ]);
        return results.at(-1);
      };
      const [unfiltered, filtered] = await Promise.all([
        heard(bare, ANSWER_SECONDS),
        heard(guarded),
      ]);
      expect(unfiltered).toBe('secret');
      expect(filtered).not.toBe('secret');
    });

    it('has what it wrote delivered after it closed the connection', async () => {
      // Reads late, so that most of it is still in the pod when the sidecar's socket is gone.
      const receiver = `require('net').createServer({ pauseOnConnect: true }, (socket) => {
        let total = 0;
        socket.on('data', (data) => { total += data.length; });
        socket.on('end', () => { console.log(total); process.exit(0); });
        setTimeout(() => socket.resume(), 2000);
      }).listen(9000, () => require('fs').writeFileSync(process.argv[1], ''))`;
      const listening = aSignal();
      const received = guarded.inWorld([
        'timeout',
        '40',
        process.execPath,
        '-e',
        receiver,
        listening,
      ]);
      const parts = 5;
      const results = await guarded.callsInPod(
        SIDECAR,
        [
          ['await', listening],
          ['socket', 'a', AF_INET, STREAM, 0],
          ['connect', 'a', FAR.ipv4, 9000],
          ...new Array<Step>(parts).fill(['send', 'a', 'x'.repeat(22_000)]),
          ['close', 'a'],
        ],
        ANSWER_SECONDS,
      );
      const written = results
        .slice(3, 3 + parts)
        .reduce((sum: number, sent) => sum + Number(sent), 0);
      expect(written).toBe(parts * 22_000);
      expect(Number((await received).stdout)).toBe(written);
    });

    it.each([
      ['UDP', DATAGRAM],
      ['TCP', STREAM],
    ])('leaves nothing behind that the agent could go on with: %s', async (_name, type) => {
      const bound: Step[] = [
        ['socket', 'a', AF_INET, type, 0],
        ['option', 'a', ...SO_REUSEADDR],
        ['bind', 'a', POD.ipv4, 44_444],
        ['connect', 'a', FAR.ipv4, 443],
        ['send', 'a', 'secret'],
      ];
      const opened = await guarded.callsInPod(
        SIDECAR,
        [...bound, ['receive', 'a'], ['close', 'a']],
        ANSWER_SECONDS,
      );
      expect(opened.at(-2)).toBe('world secret');
      const packets = await guarded.packetsDuring(() => guarded.callsInPod(AGENT, bound));
      expect(packets).toBe(0);
    });

    it.each([
      ['TCP', 0],
      ['Multipath TCP', MPTCP],
    ])('nor where the far end never closed: %s', async (_name, protocol) => {
      // Then the connection is still tracked, and established, once the sidecar's socket is gone and its port is free.
      await guarded.inPod(['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/tcp_fin_timeout']);
      const port = 9100 + protocol;
      const from: Step[] = [
        ['socket', 'a', AF_INET, STREAM, 0],
        ['option', 'a', ...SO_REUSEADDR],
        ['bind', 'a', POD.ipv4, port + 30_000],
        ['connect', 'a', FAR.ipv4, port],
      ];
      const listening = aSignal();
      const over = aSignal();
      const farEnd = guarded.callsInWorld([
        ['socket', 'a', AF_INET, STREAM, 0],
        ['option', 'a', ...SO_REUSEADDR],
        ['bind', 'a', FAR.ipv4, port],
        ['listen', 'a'],
        ['signal', listening],
        ['await', over],
      ]);
      const opened = await guarded.callsInPod(SIDECAR, [
        ['await', listening],
        ...from,
        ['close', 'a'],
        ['sleep', 2000],
      ]);
      expect(opened[4]).toBe(0);
      let results: unknown[] = [];
      const packets = await guarded.packetsDuring(async () => {
        results = await guarded.callsInPod(AGENT, [
          ['socket', 'a', AF_INET, STREAM, protocol],
          ...from.slice(1),
        ]);
      });
      writeFileSync(over, '');
      await farEnd;
      expect({ packets, results: results.slice(0, 3) }).toEqual({ packets: 0, results: [0, 0, 0] });
    });
  });

  describe.concurrent('from outside', () => {
    it.each([
      ['a declared port', tcp(POD.ipv4, 8080), 'agent secret'],
      ['a declared port over IPv6', tcp(POD.ipv6, 8080), 'agent secret'],
      ['a declared UDP port', [...udp(POD.ipv4, 5353), ['receive', 'a']], 'agent secret'],
      ['the operations port', tcp(POD.ipv4, SIDECAR_PORTS.operations), 'sidecar secret'],
    ] satisfies [string, Step[], string][])('%s is reached', async (_name, steps, answer) => {
      expect((await guarded.callsInWorld(steps, ANSWER_SECONDS)).at(-1)).toBe(answer);
    });

    it.each([
      ['another port', tcp(POD.ipv4, 8082)],
      ['another port over IPv6', tcp(POD.ipv6, 8082)],
      ['another UDP port', [...udp(POD.ipv4, 5354), ['receive', 'a']]],
    ] satisfies [string, Step[]][])('%s is not', async (_name, steps) => {
      const [unfiltered, filtered] = await Promise.all([
        bare.callsInWorld(steps, ANSWER_SECONDS),
        guarded.callsInWorld(steps),
      ]);
      expect(unfiltered.at(-1)).toBe('agent secret');
      expect(filtered.at(-1)).not.toBe('agent secret');
    });

    it('no port is opened by a packet that the agent sends itself in the name of somebody outside', async () => {
      const punch: Step[] = [
        ...boundTo(FAR.ipv6, 7777, DATAGRAM),
        ['socket', 'b', AF_INET6, DATAGRAM, 0],
        ['bind', 'b', POD.ipv6, 9998],
        ['sendto', 'x', 'hello', POD.ipv6, 9998],
        ['receive', 'b'],
        ['sendto', 'b', 'hello', FAR.ipv6, 7777],
      ];
      const speak: Step[] = [
        ['socket', 'a', AF_INET6, DATAGRAM, 0],
        ['bind', 'a', FAR.ipv6, 7777],
        ['sendto', 'a', 'orders', POD.ipv6, 9998],
      ];
      const heard = async (network: PodNetwork, seconds?: number) => {
        const punched = aSignal();
        const spoken = aSignal();
        const [results] = await Promise.all([
          network.callsInPod(
            AGENT,
            [...punch, ['signal', punched], ['await', spoken], ['receive', 'b']],
            seconds,
          ),
          network.callsInWorld([['await', punched], ...speak, ['signal', spoken]]),
        ]);
        return results.at(-1);
      };
      const [unfiltered, filtered] = await Promise.all([
        heard(bare, ANSWER_SECONDS),
        heard(guarded),
      ]);
      expect(unfiltered).toBe('orders');
      expect(filtered).toBe('EAGAIN');
    });
  });

  it.each([
    ['an agent with NET_RAW', RAW_AGENT, 5000],
    ['root with the default capabilities', DEFAULT_ROOT, 5500],
  ])('lets no segment out that belongs to no connection, of %s', async (_name, as, base) => {
    const segments = [
      ...oddSegments('IPv4', POD.ipv4, FAR.ipv4, base),
      ...oddSegments('IPv6', POD.ipv6, FAR.ipv6, base + 100),
    ];
    const steps = segments.flatMap((one) => one.steps);
    const { packets, results } = await inBoth(as, steps);
    const arrived = await bare.forged();
    expect(segments.filter(({ port }) => !arrived.includes(port))).toEqual([]);
    expect({ packets, results }).toEqual({
      packets: 0,
      results: segments.flatMap(({ becomes }) => becomes),
    });
  });

  it.each([
    ['IPv4', POD.ipv4, FAR.ipv4, 443],
    ['IPv6', POD.ipv6, FAR.ipv6, 53],
  ])('lets no segment out in the place of a redirected connection: %s', async (...row) => {
    const [, pod, far, port] = row;
    const { packets, results } = await inBoth(RAW_AGENT, outOfWindow(pod, far, port));
    expect(await bare.forged()).toContain(port);
    expect({ packets, prepared: results.slice(0, 4) }).toEqual({
      packets: 0,
      prepared: [0, 0, 0, 0],
    });
    // INVALID: NAT would leave them the address that the connection itself never goes to.
    expect(results.slice(4)).toContain('EPERM');
  });

  it('lets no segment pass within the pod either that belongs to no connection', async () => {
    const address = '127.0.0.1';
    const forged = segment({ address, port: 5999 }, { address, port: 5998 }, 0);
    const steps: Step[] = [
      ['socket', 'r', AF_INET, RAW, TCP],
      ['sendto', 'r', forged, address, 0],
    ];
    expect(await bare.callsInPod(RAW_AGENT, steps)).toEqual([0, SEGMENT_BYTES]);
    expect(await guarded.callsInPod(RAW_AGENT, steps)).toEqual([0, 'EPERM']);
  });

  describe('does not hold what admission alone keeps from the agent', () => {
    it('a packet socket, which needs NET_RAW', async () => {
      const steps: Step[] = [
        // For sending alone: it takes no packet in.
        ['socket', 'a', AF_PACKET, DATAGRAM, 0],
        [
          'sendto',
          'a',
          packet(POD.ipv4, FAR.ipv4, EXPERIMENT, 'secret'),
          'link%pod0',
          IPV4_ETHERTYPE,
        ],
      ];
      const packets = (as: As) => guarded.packetsDuring(() => guarded.callsInPod(as, steps));
      expect(await packets(AGENT)).toBe(0);
      expect(await packets(RAW_AGENT)).toBe(1);
    });

    it("becoming the sidecar's user, which needs SETUID", async () => {
      const steps: Step[] = [['become', SIDECAR_UID], ...udp(FAR.ipv4, 443), ['receive', 'a']];
      const changeling = { ...AGENT, capabilities: ['setuid'] };
      expect((await guarded.callsInPod(AGENT, steps)).slice(0, 3)).toEqual(['EPERM', 0, 'EPERM']);
      const results = await guarded.callsInPod(changeling, steps, ANSWER_SECONDS);
      expect(results.at(-1)).toBe('world secret');
    });
  });

  it("leads DNS over TCP to the sidecar's DNS, and other connections to its proxy", async () => {
    const portOf = async (port: number) => {
      const [socket, connect] = tcp(FAR.ipv4, port);
      const steps = [socket, connect, ['send', 'a', 'port'], ['receive', 'a']] as Step[];
      return (await guarded.callsInPod(AGENT, steps, ANSWER_SECONDS)).at(-1);
    };
    expect(await Promise.all([portOf(53), portOf(443)])).toEqual([
      `sidecar ${SIDECAR_PORTS.dns}`,
      `sidecar ${SIDECAR_PORTS.transparent}`,
    ]);
  });

  it('lets the sidecar go on with a conversation that is no connection', async () => {
    const once: Step[] = [
      ['sendto', 'a', 'secret', FAR.ipv4, 443],
      ['receive', 'a'],
    ];
    const [socket] = udp(FAR.ipv4, 443);
    const steps = [socket as Step, ...once, ...once];
    const results = await guarded.callsInPod(SIDECAR, steps, ANSWER_SECONDS);
    expect(results.slice(1)).toEqual([6, 'world secret', 6, 'world secret']);
  });

  it('keeps what the listeners of the sidecar say in the pod, whatever the kernel forgot of who asked', async () => {
    const { dns, explicitProxy } = SIDECAR_PORTS;
    const steps: Step[] = [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['bind', 'a', POD.ipv4, dns],
      ['sendto', 'a', 'secret', FAR.ipv4, 443],
      ['socket', 'b', AF_INET, STREAM, 0],
      ['option', 'b', ...SO_REUSEADDR],
      ['bind', 'b', POD.ipv4, explicitProxy],
      ['connect', 'b', FAR.ipv4, 443],
    ];
    const { unfiltered, packets, results } = await inBoth(SIDECAR, steps);
    expect(unfiltered).toEqual([0, 0, 6, 0, 0, 0, 0]);
    expect({ packets, results: results.slice(0, 6) }).toEqual({
      packets: 0,
      results: [0, 0, 'EPERM', 0, 0, 0],
    });
  });

  it('passes on nothing for its neighbours', async () => {
    const elsewhere = '198.51.100.9';
    const passedOn = async (network: PodNetwork) => {
      await network.inWorld(['ip', 'route', 'add', elsewhere, 'via', POD.ipv4]);
      return network.packetsDuring(() => network.callsInWorld(udp(elsewhere, 9)));
    };
    const [unfiltered, filtered] = await Promise.all([passedOn(bare), passedOn(guarded)]);
    expect(unfiltered).toBeGreaterThan(0);
    expect(filtered).toBe(0);
  });

  it('stays as it is, and shut, when it is written again and when the sidecar is dead', async () => {
    expect((await netInit(guarded)).code).toBe(0);
    await stopSidecar();
    const results: unknown[] = [];
    const packets = await guarded.packetsDuring(async () => {
      results.push((await guarded.callsInPod(AGENT, tcp(FAR.ipv4, 443)))[1]);
      await guarded.callsInPod(AGENT, udp(FAR.ipv4, 53));
      await guarded.callsInPod(AGENT, tcp(FAR.ipv6, 443));
    });
    expect(packets).toBe(0);
    expect(results).toEqual(['ECONNREFUSED']);
  });
});

describe.skipIf(missing !== null)('net-init', () => {
  let network: PodNetwork;
  let directory: string;
  beforeAll(async () => {
    network = await PodNetwork.create({ ipv6: false });
    directory = mkdtempSync(join(tmpdir(), 'net-init-'));
    chmodSync(directory, 0o755);
  });
  afterAll(async () => {
    await network?.close();
    rmSync(directory, { recursive: true });
  });
  const rules = async () => (await network.inPod(['nft', 'list', 'ruleset'])).stdout;

  it('prints the rules and changes nothing', async () => {
    const { code, stdout } = await netInit(network, PORTS, '--print');
    expect(code).toBe(0);
    expect(stdout).toContain('tcp dport { 8080, 8081, 15020 } ct state new');
    expect(await rules()).toBe('');
  });

  it('prints the rules where nobody has injected it, too', async () => {
    expect((await netInit(network, {}, '--print')).code).toBe(0);
  });

  it('leaves the network of a machine alone where nobody has injected it', async () => {
    const { code, stderr } = await netInit(network, {});
    expect(code).toBe(1);
    expect(JSON.parse(stderr).detail).toContain('ACTIONGRANT_INBOUND_PORTS is missing');
    expect(await rules()).toBe('');
  });

  it('says which entry of the inbound ports is wrong', async () => {
    const environment = { ACTIONGRANT_INBOUND_PORTS: '80/tcp,x/tcp,70000/udp,9/sctp,15001/tcp' };
    const { code, stderr } = await netInit(network, environment);
    expect(code).toBe(1);
    for (const entry of ['x/tcp', '70000/udp', '9/sctp', '15001/tcp']) {
      expect(JSON.parse(stderr).detail).toContain(`"${entry}"`);
    }
    expect(await rules()).toBe('');
  });

  it('says that it lacks NET_ADMIN', async () => {
    const command = [process.execPath, NET_INIT];
    const { code, stderr } = await network.inPod(command, { uid: 0 }, PORTS);
    expect(code).toBe(1);
    expect(JSON.parse(stderr).detail).toMatch(/NET_ADMIN.*Operation not permitted/);
  });

  it('says that nft is missing', async () => {
    const { code, stderr } = await netInit(network, { ...PORTS, PATH: directory });
    expect(code).toBe(1);
    expect(JSON.parse(stderr).detail).toContain('nft is not installed');
  });

  it('does not believe an nft that sets other rules than it was given', async () => {
    const lying = join(directory, 'nft');
    writeFileSync(lying, '#!/bin/sh\nsed "s/policy drop/policy accept/" | /usr/sbin/nft "$@"\n');
    chmodSync(lying, 0o755);
    const path = `${directory}:${process.env['PATH']}`;
    const { code, stderr } = await netInit(network, { ...PORTS, PATH: path });
    expect(code).toBe(1);
    expect(JSON.parse(stderr).detail).toMatch(
      /not as meant: line \d+ is ".*policy accept;" instead of/,
    );
    rmSync(lying);
  });

  it('needs no more than root and NET_ADMIN, and no IPv6', async () => {
    const capabilities = ['--inh-caps=-all', '--bounding-set=-all,+net_admin', '--no-new-privs'];
    const program = [process.execPath, NET_INIT];
    const command = ['setpriv', ...capabilities, '--', ...program];
    const { code, stderr } = await network.inPod(command, undefined, PORTS);
    expect(stderr).toContain('the packet filter is in force');
    expect(code).toBe(0);
    const connect = tcp(FAR.ipv4, 443).slice(0, 2);
    let results: unknown[] = [];
    const packets = await network.packetsDuring(async () => {
      results = await network.callsInPod(AGENT, connect);
    });
    expect({ packets, results }).toEqual({ packets: 0, results: [0, 'ECONNREFUSED'] });
    const sent = network.packetsDuring(() => network.callsInPod(SIDECAR, connect));
    expect(await sent).toBeGreaterThan(0);
  });

  it('sets the rules for a pod without ports', async () => {
    expect((await netInit(network, { ACTIONGRANT_INBOUND_PORTS: '' })).code).toBe(0);
    expect(await rules()).toContain('tcp dport 15020 ct state new');
  });
});
