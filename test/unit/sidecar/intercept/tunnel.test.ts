import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { tunnelHost } from '../../../../sidecar/intercept/tunnel.ts';
import { HOST, openTLS, openTunnel, RawClient } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

it.each([
  ['edr.example.com:443', 'edr.example.com'],
  ['10.96.0.1:6443', '10.96.0.1'],
  ['[fd00::1]:443', 'fd00::1'],
])('a tunnel to %s has a certificate for %s', (target, host) => {
  expect(tunnelHost(target)).toBe(host);
});

it.each(['edr.example.com', '0x7f.1:443', 'a@edr.example.com:443', '', ':443'])(
  'a tunnel to %j is refused',
  (target) => {
    expect(() => tunnelHost(target)).toThrow(expect.objectContaining({ code: 'TargetRefused' }));
  },
);

describe('a tunnel', () => {
  it.each([
    ['without a port', 'edr.example.com', 'TargetRefused'],
    ['to an unusual spelling of an address', '0x7f.1:443', 'TargetRefused'],
    ['with user information', 'a@edr.example.com:443', 'TargetRefused'],
  ])('%s is refused', async (_name, target, code) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    const answer = await client.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain(code);
  });

  it.each(['content-length: 5', 'transfer-encoding: chunked'])(
    'asked for with %s is refused',
    async (header) => {
      const proxy = await start();
      const client = await RawClient.connect(proxy.port);
      client.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n${header}\r\n\r\nhello`);
      expect(await client.untilClosed()).toContain('RequestAmbiguous');
    },
  );

  it('inside a tunnel is refused', async () => {
    const proxy = await start();
    const client = new RawClient(await openTLS(proxy));
    client.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    expect(await client.untilClosed()).toContain('MethodRefused');
  });

  it('with plain HTTP in it is refused and closed', async () => {
    const proxy = await start();
    const client = new RawClient(await openTunnel(proxy.port, `${HOST}:80`));
    client.socket.resume();
    client.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    expect(await client.untilClosed()).toContain('ProtocolRefused');
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'PlainInTunnel' }]);
  });

  it('whose ClientHello came with the CONNECT works', async () => {
    const proxy = await start();
    const hello = await clientHello();
    const client = await RawClient.connect(proxy.port);
    client.write(
      Buffer.concat([
        Buffer.from(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n`),
        hello,
      ]),
    );
    // The answer to the ClientHello: a ServerHello record.
    await client.until(/^HTTP\/1\.1 200 [^\r]*\r\n\r\n\x16\x03/);
    client.socket.destroy();
  });
});

/** The bytes with which a real TLS client begins. */
async function clientHello(): Promise<Buffer> {
  const { createServer, connect } = await import('node:net');
  const tls = await import('node:tls');
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as { port: number }).port;
  const accepted = once(server, 'connection');
  const client = tls.connect({ socket: connect(port, '127.0.0.1'), servername: HOST });
  client.on('error', () => {});
  const [socket] = (await accepted) as [import('node:net').Socket];
  const [data] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return data;
}
