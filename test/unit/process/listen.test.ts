import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { listen } from '../../../process/listen.ts';

test('a server says which port it was given, and takes connections there', async () => {
  const server = createServer((socket) => socket.end('hello'));
  const { address, port } = await listen(server, { host: '127.0.0.1', port: 0 });
  expect(address).toBe('127.0.0.1');
  const socket = connect(port, address);
  const [data] = await once(socket, 'data');
  expect(String(data)).toBe('hello');
  server.close();
});

test('a port that is taken is an error, and later errors are not caught', async () => {
  const first = createServer();
  const { port } = await listen(first, { host: '127.0.0.1', port: 0 });
  const second = createServer();
  await expect(listen(second, { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  await listen(second, { host: '127.0.0.1', port: 0 });
  expect(second.listenerCount('error')).toBe(0);
  first.close();
  second.close();
});
