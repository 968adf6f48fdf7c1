/** Where a connection was going before the packet filter redirected it (SO_ORIGINAL_DST). */

import { connect, createServer, isIPv4, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { listen } from '../../process/listen.ts';

export interface Address {
  /** IPv4 in four decimal numbers, or IPv6 as in RFC 5952. */
  address: string;
  port: number;
}

/** @returns where it was going; null if it was not redirected to us, but made to us, or if that cannot be told */
export type OriginalDestination = (socket: Socket) => Address | null;

/** A system call on a descriptor that fills in a socket address. Negative: it failed. */
type Ask = (fd: number, value: Buffer, length: [number]) => number;

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** Of linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h. */
const SO_ORIGINAL_DST = 80;
/** What it fails with where nothing was redirected. */
const ENOENT = 2;
const AF_INET = 2;
const AF_INET6 = 10;
/** struct sockaddr_in6 */
const SOCKADDR_BYTES = 28;

/**
 * Loads the system calls, which Node has no API for, and proves them on a connection of its own.
 * @throws Error if this Node or system does not show where connections were going: nothing may be let through then
 */
export async function loadOriginalDestination(): Promise<OriginalDestination> {
  // Only a sidecar that intercepts needs it: it is native code.
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const value = '_Out_ uint8_t *value, _Inout_ uint32_t *length';
  const getsockname = libc.func(`int getsockname(int fd, ${value})`);
  const getsockopt = libc.func(`int getsockopt(int fd, int level, int name, ${value})`);
  const optionOf =
    (level: number): Ask =>
    (fd, bytes, length) =>
      getsockopt(fd, level, SO_ORIGINAL_DST, bytes, length);
  const ipv4 = optionOf(SOL_IP);
  const ipv6 = optionOf(SOL_IPV6);

  await prove((fd) => {
    if (ask(ipv4, fd) === null && koffi.errno() !== ENOENT) {
      throw new Error(`this system does not track connections (errno ${koffi.errno()})`);
    }
    return ask(getsockname, fd);
  });
  return (socket) => {
    const fd = descriptorOf(socket);
    const local = socket.localAddress;
    if (fd === null || local === undefined) return null;
    // RFC 4291 2.5.5.2: on an IPv6 listener, IPv4 has mapped addresses, and its own conntrack entry.
    const destination = ask(isIPv4(local.replace(/^::ffff:/i, '')) ? ipv4 : ipv6, fd);
    // The packet filter leaves loopback alone: whoever was going there, to us above all, came by itself.
    return destination === null || isLoopback(destination.address) ? null : destination;
  };
}

/**
 * The descriptor is no documented part of a socket. If what stands there were something else, a connection would be judged
 * by the destination of another one; so its own address is asked for, which Node knows too.
 */
async function prove(nameOf: (fd: number) => Address | null): Promise<void> {
  const server = createServer();
  const { address, port } = await listen(server, { host: '127.0.0.1', port: 0 });
  const client = connect(port, address);
  try {
    const accepted = await new Promise<Socket>((resolve, reject) => {
      server.once('connection', resolve);
      client.once('error', reject);
    });
    accepted.on('error', () => {});
    const fd = descriptorOf(accepted);
    const name = fd === null ? null : nameOf(fd);
    accepted.destroy();
    if (name?.address !== address || name.port !== port) {
      throw new Error('this version of Node does not show the file descriptor of a socket');
    }
  } finally {
    client.destroy();
    server.close();
  }
}

function descriptorOf(socket: Socket): number | null {
  const { _handle } = socket as Socket & { _handle?: { fd?: unknown } | null };
  const fd = _handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}

function ask(call: Ask, fd: number): Address | null {
  const bytes = Buffer.alloc(SOCKADDR_BYTES);
  return call(fd, bytes, [SOCKADDR_BYTES]) === 0 ? readSocketAddress(bytes) : null;
}

/** struct sockaddr_in or sockaddr_in6: the family in the machine's order, the rest in the network's. */
export function readSocketAddress(bytes: Buffer): Address | null {
  const family = endianness() === 'LE' ? bytes.readUInt16LE(0) : bytes.readUInt16BE(0);
  const port = bytes.readUInt16BE(2);
  if (family === AF_INET) return { address: bytes.subarray(4, 8).join('.'), port };
  if (family !== AF_INET6) return null;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(8 + 2 * i).toString(16));
  // The URL parser serialises by RFC 5952, as the hosts of URLs are compared.
  return { address: new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1), port };
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
