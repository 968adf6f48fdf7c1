/**
 * A hostile client in a pod: one connection with bytes of its own, or a question to DNS. The argument (JSON) says which; what
 * came back is JSON on standard output.
 */

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';

export interface AgentConnection {
  /** A name is looked up first, as every client does it. */
  to: string;
  port: number;
  family?: 4 | 6;
  /** Server name of a TLS connection; null: none. Absent: no TLS. */
  servername?: string | null;
  /** PEM of the CA that is trusted. */
  ca?: string;
  /** Latin-1. */
  bytes: string;
}

export interface Received {
  /** Latin-1, until the other side closed or fell silent. */
  text: string;
  closed: boolean;
  error?: string;
}

const PATIENCE_MILLISECONDS = 8_000;

async function open({
  to,
  port,
  family = 4,
  servername,
  ca = '',
}: AgentConnection): Promise<Socket> {
  const address = isIP(to) === 0 ? (await lookup(to, { family })).address : to;
  const socket = connect(port, address);
  await once(socket, 'connect');
  if (servername === undefined) return socket;
  const tls = connectTLS({
    socket,
    ca,
    servername: servername ?? '',
    ALPNProtocols: ['http/1.1'],
    // Whether the names agree is for the sidecar to judge.
    checkServerIdentity: () => undefined,
  });
  await once(tls, 'secureConnect');
  return tls;
}

async function converse(connection: AgentConnection): Promise<Received> {
  const received: Received = { text: '', closed: false };
  try {
    const socket = await open(connection);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      received.error = error.code ?? error.message;
    });
    const ended = new Promise<void>((resolve) => {
      socket.setTimeout(PATIENCE_MILLISECONDS, resolve);
      socket.once('close', () => {
        received.closed = true;
        resolve();
      });
    });
    socket.on('data', (data) => {
      received.text += data.toString('latin1');
    });
    socket.write(Buffer.from(connection.bytes, 'latin1'));
    await ended;
    socket.destroy();
  } catch (error) {
    received.error = (error as NodeJS.ErrnoException).code ?? String(error);
  }
  return received;
}

if (import.meta.main) {
  process.stdout.write(JSON.stringify(await converse(JSON.parse(process.argv[2] ?? '{}'))));
}
