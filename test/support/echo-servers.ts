/**
 * A program that listens where its argument says (JSON) and answers each datagram, and the first data of each connection, with
 * the argument's name and what came; or, asked for its `port`, with that. Prints `ready` once it listens everywhere.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6 } from 'node:net';

export interface EchoServers {
  name: string;
  tcp: readonly (readonly [address: string, port: number])[];
  udp: readonly (readonly [address: string, port: number])[];
}

if (import.meta.main) {
  const { name, tcp, udp }: EchoServers = JSON.parse(process.argv[2] ?? '{}');
  const answerTo = (data: Buffer, port: number | undefined) =>
    `${name} ${data.toString() === 'port' ? port : data}`;
  for (const [host, port] of tcp) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => socket.end(answerTo(data, socket.localPort)));
    });
    server.listen({ host, port });
    await once(server, 'listening');
  }
  for (const [address, port] of udp) {
    const socket = createSocket({
      type: isIPv6(address) ? 'udp6' : 'udp4',
      ipv6Only: isIPv6(address),
    });
    socket.on('message', (data, from) => {
      // What the packet filter refuses to send shows as an error here.
      socket.send(answerTo(data, port), from.port, from.address, () => {});
    });
    socket.bind(port, address);
    await once(socket, 'listening');
  }
  process.stdout.write('ready\n');
}
