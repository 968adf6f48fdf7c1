/** The sockets that the front ends listen on: all of them, or none. */

import { createServer, type Server, type Socket } from 'node:net';
import { listen } from '../../process/listen.ts';

export interface ListenAddress {
  host: string;
  port: number;
}

export interface Listener {
  readonly address: ListenAddress;
  accept(raw: Socket): void;
}

export interface Listeners {
  /** Where they listen, in their order. */
  readonly addresses: readonly ListenAddress[];
  /** Takes no more connections. Resolves when those that were taken are closed. */
  close(): Promise<void>;
}

/** @throws Error if one of them cannot be listened on; then none is */
export async function startListeners(listeners: readonly Listener[]): Promise<Listeners> {
  const servers: Server[] = [];
  const addresses: ListenAddress[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(
      servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  };
  try {
    for (const { address, accept } of listeners) {
      const server = createServer({ noDelay: true }, accept);
      servers.push(server);
      const { address: host, port } = await listen(server, address);
      addresses.push({ host, port });
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return { addresses, close };
}
