/**
 * The sidecar's DNS server, over UDP and TCP. The packet filter leads every question of the pod here, whatever server it was
 * for.
 */

import type { AddressInfo } from 'node:net';
import { listen as listenOn } from '../../process/listen.ts';
import { createResponder, type ResponderOptions } from './responder.ts';
import { createTCPServer } from './tcp.ts';
import { startUDP } from './udp.ts';

export interface DNSServerOptions extends ResponderOptions {
  /** Addresses, each for UDP and TCP. Loopback: an answer from another address than was asked is not taken. */
  listen: readonly { host: string; port: number }[];
}

export interface DNSServer {
  /** Where it listens, in the order of `listen`; UDP and TCP have the same port. */
  readonly addresses: readonly AddressInfo[];
  close(): Promise<void>;
}

/** @throws Error if an address cannot be listened on; none is then */
export async function startDNSServer(options: DNSServerOptions): Promise<DNSServer> {
  const respond = createResponder(options);
  const closers: (() => Promise<void>)[] = [];
  const bound: AddressInfo[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((closer) => closer()));
  };
  try {
    for (const { host, port } of options.listen) {
      const tcp = createTCPServer(options.clock, respond);
      const address = await listenOn(tcp.server, { host, port });
      closers.push(tcp.close);
      tcp.server.on('error', (error) => options.onEvent({ type: 'Failed', error }));
      closers.push(await startUDP({ host, port: address.port }, options.onEvent, respond));
      bound.push(address);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: bound, close };
}
