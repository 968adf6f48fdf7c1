// A server in a pod: HTTP on each port of `process.argv[1]`, a UDP echo on each of `process.argv[2]`, both families.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

const [, tcp = '', udp = ''] = process.argv;

for (const port of tcp.split(',')) {
  createServer((_request, response) => response.end(`port ${port}`)).listen(Number(port), '::');
}
for (const port of udp.split(',')) {
  const socket = createSocket('udp6');
  socket.on('message', (message, { port: from, address }) => socket.send(message, from, address));
  socket.bind(Number(port), '::');
}
