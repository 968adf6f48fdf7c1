// A server in a pod: HTTP on each port of `process.argv[1]`, a UDP echo on each of `process.argv[2]`, both families. It prints
// what it is asked for.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

const [, tcp = '', udp = ''] = process.argv;

// The first process of a container ends only of what it handles.
process.once('SIGTERM', () => process.exit());

for (const port of tcp.split(',')) {
  createServer(({ url }, response) => {
    process.stdout.write(`${port} ${url}\n`);
    response.end(`port ${port}`);
  }).listen(Number(port), '::');
}
for (const port of udp.split(',').filter(Boolean)) {
  const socket = createSocket('udp6');
  socket.on('message', (message, { port: from, address }) => socket.send(message, from, address));
  socket.bind(Number(port), '::');
}
