import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { refuseHTTP2 } from '../../../../sidecar/intercept/refuse-http2.ts';

it('a client of HTTP/2 without TLS is told to use HTTP/1.1, in the words of HTTP/2', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    refuseHTTP2(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => {});
  const [code, , reason] = (await once(session, 'goaway')) as [number, number, Buffer];
  expect(code).toBe(constants.NGHTTP2_HTTP_1_1_REQUIRED);
  expect(String(reason)).toContain('HTTP/1.1');
  session.destroy();
  server.close();
  await once(server, 'close');
});
