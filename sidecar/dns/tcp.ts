/** DNS over TCP (RFC 7766). */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../core/time/clock.ts';
import { MAX_QUERY_BYTES } from './message.ts';
import type { Respond } from './responder.ts';

const MAX_CONNECTIONS = 64;
const CONNECTION_IDLE_MILLISECONDS = 5_000;
const CONNECTION_MILLISECONDS = 60_000;
/** Answers that a client does not read. */
const MAX_UNREAD_BYTES = 64 * 1024;
const LENGTH_BYTES = 2;

/** A server that does not listen yet, and what closes it with all of its connections. */
export function createTCPServer(
  clock: Clock,
  respond: Respond,
): { server: Server; close: () => Promise<void> } {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const lifetime = clock.after(CONNECTION_MILLISECONDS, () => socket.destroy());
    socket.setTimeout(CONNECTION_IDLE_MILLISECONDS, () => socket.destroy());
    // Clients that reset a connection are nobody's concern.
    socket.on('error', () => {});
    socket.on('close', () => {
      lifetime.cancel();
      sockets.delete(socket);
    });
    serveConnection(socket, respond);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { server, close };
}

/** RFC 1035 4.2.2: each message follows its length. A message that is no question, or comes too late, ends the connection. */
function serveConnection(socket: Socket, respond: Respond): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (data) => {
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    while (pending.length >= LENGTH_BYTES) {
      const length = pending.readUInt16BE(0);
      if (length > MAX_QUERY_BYTES) {
        socket.destroy();
        return;
      }
      const end = LENGTH_BYTES + length;
      if (pending.length < end) return;
      const answer = respond(pending.subarray(LENGTH_BYTES, end), 'tcp');
      pending = pending.subarray(end);
      if (answer === null || socket.writableLength > MAX_UNREAD_BYTES) {
        socket.destroy();
        return;
      }
      const prefix = Buffer.alloc(LENGTH_BYTES);
      prefix.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([prefix, answer]));
    }
  });
}
