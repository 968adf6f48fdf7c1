/** Listening and closing of HTTP servers, as every process of ours does it. */

import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from './listen.ts';

const SWEEP_MILLISECONDS = 100;
/** A server that got no request for so long is taken to get none any more. */
const QUIET_MILLISECONDS = 300;

/**
 * Connections that have not carried a request yet. To Node they are busy, not idle, and some clients (Go's, so the API
 * server calling a webhook) open spare ones: waiting for them would take up the whole grace period.
 */
const unused = new WeakMap<Server, Set<Socket>>();

/** When the last request came, in monotonic milliseconds. */
const lastRequest = new WeakMap<Server, number>();

/** Starts to listen. @returns the address with the port that was chosen */
export function listenOn(server: Server, at: { host: string; port: number }): Promise<AddressInfo> {
  unused.set(server, unusedOf(server));
  return listen(server, at);
}

function unusedOf(server: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  // A request names the TLS socket, and not the one below it.
  const arrival = 'setSecureContext' in server ? 'secureConnection' : 'connection';
  server.on(arrival, (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', ({ socket }) => {
    lastRequest.set(server, performance.now());
    sockets.delete(socket);
  });
  return sockets;
}

/**
 * Sends clients away before {@link drain}: each answer is its connection's last. Without it, a request that is on its way
 * over a kept-alive connection is lost when that is closed (RFC 9112 9.6). Resolves once no request has come for a moment.
 */
export async function sendAway(server: Server, atMostMilliseconds: number): Promise<void> {
  server.prependListener('request', (_, response) => {
    response.shouldKeepAlive = false;
  });
  const deadline = performance.now() + atMostMilliseconds;
  for (;;) {
    const quietAt = (lastRequest.get(server) ?? -QUIET_MILLISECONDS) + QUIET_MILLISECONDS;
    const wait = Math.min(quietAt, deadline) - performance.now();
    if (wait <= 0) return;
    await sleep(wait);
  }
}

/** Takes no new connections, lets requests end for `graceMilliseconds`, then cuts what is left. */
export async function drain(server: Server, graceMilliseconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
  // A keep-alive connection becomes idle only when its last answer is out; a request may be on its way over a new one.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    for (const socket of unused.get(server) ?? []) socket.destroy();
  }, SWEEP_MILLISECONDS);
  await closed;
  clearTimeout(cut);
  clearInterval(sweep);
}
