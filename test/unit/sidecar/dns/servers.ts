/** The sidecar's DNS on real sockets, for one test. */

import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode, type Packet } from 'dns-packet';
import { afterEach } from 'vitest';
import { type Clock, systemClock } from '../../../../core/time/clock.ts';
import type { AddressFamilies } from '../../../../sidecar/dns/answer.ts';
import type { DNSEvent } from '../../../../sidecar/dns/responder.ts';
import { type DNSServer, startDNSServer } from '../../../../sidecar/dns/server.ts';
import { createSyntheticAddresses } from '../../../../sidecar/dns/synthetic-addresses.ts';

export const QUESTION = { type: 'A', name: 'api.example.com' } as const;
export const rcodeOf = (message: Buffer): number => message.readUInt16BE(2) & 0xf;
export const query = (packet: Packet): Buffer =>
  encode({ type: 'query', id: 7, flags: 0x0100, ...packet });

/** To be asked for once by a test file: what starts servers that are closed after each test, and what is closed with them. */
export function startsServers() {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
  });

  async function aServer({
    host = '127.0.0.1',
    families = { ipv4: true, ipv6: true },
    clock = systemClock,
  }: {
    host?: string;
    families?: AddressFamilies;
    clock?: Clock;
  } = {}) {
    const events: DNSEvent[] = [];
    const addresses = createSyntheticAddresses();
    const server: DNSServer = await startDNSServer({
      listen: [{ host, port: 0 }],
      addresses,
      families,
      clock,
      onEvent: (event) => events.push(event),
    });
    cleanUps.push(() => server.close());
    const port = server.addresses[0]?.port ?? 0;
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`]);
    return { server, port, addresses, resolver, events };
  }

  return { aServer, cleanUps };
}

/** Sends a datagram; the answer, or null if none came in time. */
export async function ask(
  port: number,
  message: Buffer,
  milliseconds = 500,
): Promise<Buffer | null> {
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message');
    socket.send(message, port, '127.0.0.1');
    return await Promise.race([
      answer.then(([data]: Buffer[]) => data ?? null),
      sleep(milliseconds, null),
    ]);
  } finally {
    socket.close();
  }
}

export async function answered(port: number, message: Buffer): Promise<Buffer> {
  const answer = await ask(port, message);
  if (answer === null) throw new Error('no answer');
  return answer;
}
