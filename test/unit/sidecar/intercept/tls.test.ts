import { describe, expect, it } from 'vitest';
import { HOST, openTLS, openTunnel, RawClient, request } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe('TLS in a tunnel', () => {
  it('to an address, without a server name, has a certificate for the address', async () => {
    const proxy = await start();
    for (const [authority, host] of [
      ['10.96.0.1:443', '10.96.0.1'],
      ['[fd00::1]:443', 'fd00::1'],
    ] as const) {
      const socket = await openTLS(proxy, { tunnelTo: authority, servername: '', host });
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      const client = new RawClient(socket);
      expect(await client.until(/\}$/)).toContain('"sni":false');
      socket.destroy();
    }
  });

  it('whose server name differs has a certificate for it, so that the refusal can be read', async () => {
    const proxy = await start();
    const socket = await openTLS(proxy, { servername: 'other.example.com' });
    const client = new RawClient(socket);
    client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const answer = await client.until(/\}$/);
    expect(answer).toContain('"sni":"other.example.com"');
    expect(answer).toContain(`"connectAuthority":"${HOST}:443"`);
    socket.destroy();
  });

  it.each(['', 'a b', '..', 'x'.repeat(300), '-a.example.com', 'a..b', '\u0000'])(
    'with the server name %j does no harm',
    async (servername) => {
      const proxy = await start();
      const client = new RawClient(await openTunnel(proxy.port));
      client.socket.resume();
      client.write(rawClientHello(servername));
      await client.until(/^[\x15\x16]\x03/).catch(() => {});
      client.socket.destroy();
      expect((await request('h1', proxy)).status).toBe(200);
    },
  );

  it('with garbage for a handshake is closed and reported', async () => {
    const proxy = await start();
    const client = new RawClient(await openTunnel(proxy.port));
    client.socket.resume();
    client.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]));
    await client.untilClosed();
    expect(proxy.events).toMatchObject([{ type: 'TLSFailed' }]);
  });
});

/** A TLS 1.2 ClientHello whose server name is any text: clients of Node would not send most of these. */
function rawClientHello(servername: string): Buffer {
  const u16 = (n: number) => Buffer.from([n >> 8, n & 0xff]);
  const name = Buffer.from(servername, 'latin1');
  const entry = Buffer.concat([Buffer.from([0]), u16(name.length), name]);
  const list = Buffer.concat([u16(entry.length), entry]);
  const extension = Buffer.concat([u16(0), u16(list.length), list]);
  const groups = Buffer.from([0, 10, 0, 4, 0, 2, 0, 23]);
  const signatures = Buffer.from([0, 13, 0, 4, 0, 2, 4, 3]);
  const extensions = Buffer.concat([extension, groups, signatures]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    Buffer.from([0, 2, 0xc0, 0x2b]),
    Buffer.from([1, 0]),
    u16(extensions.length),
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), u16(handshake.length), handshake]);
}
