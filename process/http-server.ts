/** Listening and closing of HTTP servers, as every process of ours does it. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts to listen. @returns the address with the port that was chosen */
export async function listenOn(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new TypeError('The server does not listen on a TCP port');
  }
  return address;
}

/** Takes no new connections, lets requests end for `graceMilliseconds`, then cuts what is left. */
export async function drain(server: Server, graceMilliseconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
  // A keep-alive connection becomes idle only when its last answer is out.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  await closed;
  clearTimeout(cut);
  clearInterval(sweep);
}
