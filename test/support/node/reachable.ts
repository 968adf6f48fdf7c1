import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

/** A port that is closed by a packet filter says nothing; this process is on the same node. */
const SILENT_MILLISECONDS = 3_000;

/** Whether a TCP connection from the node to a pod comes about. */
export async function opens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(SILENT_MILLISECONDS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Whether a UDP datagram from the node to a pod is answered. */
export async function echoes(address: string, port: number): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.send('hello', port, address);
    await once(socket, 'message', { signal: AbortSignal.timeout(SILENT_MILLISECONDS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
