/** DNS over UDP. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { DNSEvent, Respond } from './responder.ts';

/** Answers that the kernel has not sent yet. */
const MAX_UNSENT_BYTES = 64 * 1024;

/** @returns what closes it @throws Error if the address cannot be listened on */
export async function startUDP(
  { host, port }: { host: string; port: number },
  onEvent: (event: DNSEvent) => void,
  respond: Respond,
): Promise<() => Promise<void>> {
  const socket: Socket = createSocket(
    isIPv6(host) ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' },
  );
  socket.on('message', (message, from) => {
    // The kernel takes no more for now: the client asks again.
    if (socket.getSendQueueSize() > MAX_UNSENT_BYTES) {
      onEvent({ type: 'Question', result: 'Dropped' });
      return;
    }
    const answer = respond(message, 'udp');
    if (answer === null || from.port === 0) return;
    // What cannot be delivered is the client's own doing, such as a source address that the packet filter stops.
    socket.send(answer, from.port, from.address, () => {});
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address: host, port, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.on('error', (error) => onEvent({ type: 'Failed', error }));
  return async () => {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
}
