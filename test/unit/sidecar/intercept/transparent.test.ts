/**
 * The front end for redirected connections: real sockets, with the kernel's answer to where they were going put in as a
 * value (test/integration/transparent.test.ts has the kernel's own).
 */

import { once } from 'node:events';
import { connect as connectHTTP2 } from 'node:http2';
import { connect as connectTCP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTLS, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../../../sidecar/certificates/certificate-authority.ts';
import type { InterceptEvent } from '../../../../sidecar/intercept/event.ts';
import { type Interceptor, startInterceptor } from '../../../../sidecar/intercept/interceptor.ts';
import type { InterceptLimits } from '../../../../sidecar/intercept/limits.ts';
import type { Address } from '../../../../sidecar/intercept/original-destination.ts';
import { freePort } from '../../../support/ports.ts';
import { describeCall, HOST, RawClient, requestH2 } from './clients.ts';

const authority = createCertificateAuthority({ now: Date.now });
const NAMES = new Map([['198.18.0.1', HOST]]);

interface Front {
  port: number;
  explicitPort: number;
  events: InterceptEvent[];
  interceptor: Interceptor;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()));
});

/** @param original where every connection was going; null: to the listener itself */
async function start(
  original: Address | null = { address: '198.18.0.1', port: 443 },
  limits: Partial<InterceptLimits> = {},
): Promise<Front> {
  const events: InterceptEvent[] = [];
  const port = await freePort();
  const interceptor = await startInterceptor(
    {
      listen: { host: '127.0.0.1', port: 0 },
      transparent: {
        listen: [{ host: '127.0.0.1', port }],
        originalDestination: () => original,
        names: {
          nameOf: (address) => NAMES.get(address),
          isSynthetic: (address) => address.startsWith('198.18.'),
        },
      },
      authority,
      limits,
      onEvent: (event) => events.push(event),
    },
    describeCall,
  );
  open.push(interceptor);
  return { port, explicitPort: interceptor.address.port, events, interceptor };
}

async function secure(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTLS({
    port,
    host: '127.0.0.1',
    servername: HOST,
    ca: authority.certificate,
    ALPNProtocols: ['http/1.1'],
    ...options,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

/** Head as the handler got it. */
function headIn(received: string): unknown {
  return JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4)).head;
}

const GET = `GET /a HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;
const DESTINATION = { name: HOST, port: 443 };

describe('a redirected connection', () => {
  it('of TLS is ended with a certificate for the server name', async () => {
    const { port } = await start();
    const client = new RawClient(await secure(port));
    client.write(GET);
    expect(headIn(await client.untilClosed())).toEqual({
      via: 'transparent',
      httpVersion: '1.1',
      scheme: 'https',
      destination: DESTINATION,
      sni: HOST,
      method: 'GET',
      target: '/a',
      rawHeaders: ['Host', HOST, 'Connection', 'close'],
    });
  });

  it('of TLS without a server name is certified for the name that was looked up', async () => {
    const { port } = await start();
    const client = new RawClient(
      await secure(port, {
        servername: '',
        checkServerIdentity: (_, cert) => {
          expect(cert.subjectaltname).toBe(`DNS:${HOST}`);
          return undefined;
        },
      }),
    );
    client.write(GET);
    expect(headIn(await client.untilClosed())).toMatchObject({ sni: false });
  });

  it('to an address is certified for it', async () => {
    const { port } = await start({ address: '203.0.113.7', port: 6443 });
    const client = new RawClient(
      await secure(port, {
        servername: '',
        host: '127.0.0.1',
        checkServerIdentity: (_, cert) => {
          expect(cert.subjectaltname).toBe('IP Address:203.0.113.7');
          return undefined;
        },
      }),
    );
    client.write(GET);
    expect(headIn(await client.untilClosed())).toMatchObject({
      destination: { address: '203.0.113.7', port: 6443, synthetic: false },
    });
  });

  it('of HTTP/2 yields every stream with its own :authority', async () => {
    const { port } = await start();
    const socket = await secure(port, { ALPNProtocols: ['h2'] });
    const session = connectHTTP2(`https://${HOST}`, { createConnection: () => socket });
    for (const name of [HOST, 'evil.example']) {
      const { body } = await requestH2(session, { ':authority': name });
      expect(JSON.parse(body).head).toMatchObject({
        via: 'transparent',
        destination: DESTINATION,
        authority: name,
        httpVersion: '2',
      });
    }
    session.destroy();
  });

  it('in the clear is HTTP/1', async () => {
    const { port } = await start({ address: '198.18.0.1', port: 80 });
    const client = await RawClient.connect(port);
    client.write(GET);
    const head = headIn(await client.untilClosed());
    expect(head).toMatchObject({ via: 'transparent', scheme: 'http', destination: { name: HOST } });
    expect(head).not.toHaveProperty('sni');
  });

  it('to a synthetic address that stands for no name says so', async () => {
    const { port } = await start({ address: '198.18.9.9', port: 80 });
    const client = await RawClient.connect(port);
    client.write(GET);
    expect(headIn(await client.untilClosed())).toMatchObject({
      destination: { address: '198.18.9.9', port: 80, synthetic: true },
    });
  });

  it('has its bytes told apart however slowly they come', async () => {
    const { port } = await start();
    const client = await RawClient.connect(port);
    client.socket.setNoDelay(true);
    for (const byte of GET.slice(0, 8)) {
      client.write(byte);
      await sleep(5);
    }
    client.write(GET.slice(8));
    expect(headIn(await client.untilClosed())).toMatchObject({ method: 'GET', target: '/a' });
  });

  it('serves pipelined requests one after the other', async () => {
    const { port } = await start();
    const client = await RawClient.connect(port);
    client.write(GET.replace('Connection: close\r\n', '') + GET.replace('/a', '/b'));
    const received = await client.untilClosed();
    expect(received.match(/"target":"\/[ab]"/g)).toEqual(['"target":"/a"', '"target":"/b"']);
  });
});

/** What the handler is told of the server name, with a session that the client had before. */
describe.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a client that offers a session of %s',
  (version) => {
    const SECURITY = { minVersion: version, maxVersion: version };

    /** The session of a call to HOST, by that server name. */
    async function sessionOf(port: number): Promise<Buffer> {
      const socket = await secure(port, SECURITY);
      // With TLS 1.3 it comes after the handshake; with 1.2 it may have come already.
      const session = version === 'TLSv1.3' ? once(socket, 'session') : [socket.getSession()];
      const client = new RawClient(socket);
      client.write(GET);
      expect(headIn(await client.untilClosed())).toMatchObject({ sni: HOST });
      const [offered] = (await session) as [Buffer | undefined];
      if (offered === undefined) throw new Error('the server gave no session');
      return offered;
    }

    it.each<[string, string, string | false]>([
      ['the same server name', HOST, HOST],
      ['another server name', 'evil.example', 'evil.example'],
      ['none', '', false],
    ])('with %s is heard as it speaks now', async (_, servername, sni) => {
      const { port } = await start();
      const session = await sessionOf(port);
      const options = { ...SECURITY, session, servername, checkServerIdentity: () => undefined };
      const client = new RawClient(await secure(port, options));
      client.write(GET);
      expect(headIn(await client.untilClosed())).toMatchObject({ sni });
    });

    it('and comes twice at a time is heard twice', async () => {
      const { port } = await start();
      const session = await sessionOf(port);
      const clients = await Promise.all([1, 2].map(() => secure(port, { ...SECURITY, session })));
      for (const client of clients.map((socket) => new RawClient(socket))) {
        client.write(GET);
        expect(headIn(await client.untilClosed())).toMatchObject({ sni: HOST });
      }
    });
  },
);

describe('a connection is closed without a call', () => {
  it('when it was not redirected', async () => {
    const { port, events } = await start(null);
    const client = await RawClient.connect(port);
    client.write(GET);
    expect(await client.untilClosed()).toBe('');
    expect(events).toEqual([{ type: 'ConnectionRefused', reason: 'NotRedirected' }]);
  });

  it.each<[protocol: string, port: number, bytes: string | Buffer]>([
    ['SSH', 22, 'SSH-2.0-OpenSSH_9.2p1\r\n'],
    ['PostgreSQL', 5432, Buffer.from('0000000804d2162f', 'hex')],
    ['Redis', 6379, '*1\r\n$4\r\nPING\r\n'],
    ['AMQP', 5672, 'AMQP\x00\x00\x09\x01'],
    ['an unknown protocol', 9999, 'hello\r\n'],
    ['an unknown protocol', 80, 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an unknown protocol', 443, Buffer.from('160203', 'hex')],
    ['an unknown protocol', 443, `${'A'.repeat(40)} / HTTP/1.1\r\n\r\n`],
  ])('when it speaks %s', async (protocol, destinationPort, bytes) => {
    const { port, events } = await start({ address: '198.18.0.1', port: destinationPort });
    const client = await RawClient.connect(port);
    client.write(bytes);
    expect(await client.untilClosed()).toBe('');
    const destination = { name: HOST, port: destinationPort };
    expect(events).toEqual([{ type: 'ProtocolRefused', protocol, destination }]);
  });

  it.each<[protocol: string, port: number, bytes: string]>([
    ['SMTP', 25, ''],
    ['MySQL', 3306, ''],
    ['a silent client', 443, ''],
    ['a silent client', 80, 'GE'],
  ])(
    'when it waits for the server to speak first: %s',
    async (protocol, destinationPort, bytes) => {
      const { port, events } = await start(
        { address: '198.18.0.1', port: destinationPort },
        { silenceMilliseconds: 100 },
      );
      const client = await RawClient.connect(port);
      client.write(bytes);
      expect(await client.untilClosed()).toBe('');
      const destination = { name: HOST, port: destinationPort };
      expect(events).toEqual([{ type: 'ProtocolRefused', protocol, destination }]);
    },
  );

  it('when its head never ends, as on any connection', async () => {
    const { port, events } = await start(undefined, {
      headMilliseconds: 300,
      silenceMilliseconds: 100,
    });
    const client = await RawClient.connect(port);
    const drip = setInterval(() => client.write('x'), 20);
    client.write('GET /');
    expect(await client.untilClosed()).toBe('');
    clearInterval(drip);
    expect(events).toEqual([{ type: 'ConnectionRefused', reason: 'Idle' }]);
  });

  it('when it is ended before a byte, without a report', async () => {
    const { port, events } = await start();
    const client = await RawClient.connect(port);
    client.socket.end();
    expect(await client.untilClosed()).toBe('');
    expect(events).toEqual([]);
  });

  it('when the name that was looked up is none for a certificate', async () => {
    NAMES.set('198.18.0.2', 'not a name\r\n');
    const { port, events } = await start({ address: '198.18.0.2', port: 443 });
    await new RawClient(connectTLS({ port, host: '127.0.0.1', servername: HOST })).untilClosed();
    expect(events).toMatchObject([{ type: 'TLSFailed', code: 'NameNotCertifiable' }]);
  });

  it('when the client does not trust the CA, and the destination is known', async () => {
    const { port, events } = await start();
    await new RawClient(connectTLS({ port, host: '127.0.0.1', servername: HOST })).untilClosed();
    await sleep(20);
    expect(events).toMatchObject([{ type: 'TLSFailed', destination: DESTINATION }]);
  });

  it('when there are too many, by whichever way they came', async () => {
    const { port, explicitPort, events } = await start(undefined, { connections: 2 });
    const held: Socket[] = [];
    for (const way of [port, explicitPort]) {
      const socket = connectTCP(way, '127.0.0.1');
      await once(socket, 'connect');
      held.push(socket);
    }
    await sleep(50);
    for (const way of [port, explicitPort]) {
      const client = await RawClient.connect(way);
      expect(await client.untilClosed()).toBe('');
    }
    expect(events).toEqual([
      { type: 'ConnectionRefused', reason: 'TooManyConnections' },
      { type: 'ConnectionRefused', reason: 'TooManyConnections' },
    ]);
    for (const socket of held) socket.destroy();
  });
});

describe('a redirected connection is answered, and closed,', () => {
  it('when it is a CONNECT', async () => {
    const { port, events } = await start({ address: '198.18.0.1', port: 3128 });
    const client = await RawClient.connect(port);
    client.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n\x16\x03\x01');
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 405 .*"code":"MethodRefused"/s);
    const destination = { name: HOST, port: 3128 };
    expect(events).toEqual([{ type: 'ProtocolRefused', protocol: 'CONNECT', destination }]);
  });

  it('when it is a CONNECT inside TLS', async () => {
    const { port } = await start();
    const client = new RawClient(await secure(port));
    client.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 405 .*"code":"MethodRefused"/s);
  });

  it('when it is HTTP/2 without TLS, in the words of HTTP/2', async () => {
    const { port, events } = await start({ address: '198.18.0.1', port: 50_051 });
    const client = await RawClient.connect(port);
    client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const received = Buffer.from(await client.untilClosed(), 'latin1');
    // SETTINGS, then GOAWAY with HTTP_1_1_REQUIRED.
    expect(received.subarray(0, 9).toString('hex')).toBe('000000040000000000');
    expect(received[12]).toBe(7);
    expect(received.readUInt32BE(22)).toBe(13);
    expect(received.subarray(26).toString()).toContain('HTTP/1.1');
    const destination = { name: HOST, port: 50_051 };
    expect(events).toEqual([
      { type: 'ProtocolRefused', protocol: 'HTTP/2 without TLS', destination },
    ]);
  });

  it('when it is almost HTTP', async () => {
    const { port, events } = await start();
    const client = await RawClient.connect(port);
    client.write('EHLO mail.example\r\n');
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 400 .*"code":"RequestMalformed"/s);
    expect(events).toMatchObject([{ type: 'ParseFailed', destination: DESTINATION }]);
  });
});

it('a port that is taken leaves nothing listening', async () => {
  const { port } = await start();
  const explicit = await freePort();
  const again = startInterceptor(
    {
      listen: { host: '127.0.0.1', port: explicit },
      transparent: {
        listen: [{ host: '127.0.0.1', port }],
        originalDestination: () => null,
        names: { nameOf: () => undefined, isSynthetic: () => false },
      },
      authority,
      onEvent() {},
    },
    describeCall,
  );
  await expect(again).rejects.toThrow('EADDRINUSE');
  await expect(RawClient.connect(explicit)).rejects.toThrow('ECONNREFUSED');
});

it('closing ends both front ends, after their calls', async () => {
  const { port, interceptor } = await start();
  const client = await RawClient.connect(port);
  client.write(`POST /a HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1\r\n\r\n`);
  await sleep(50);
  const closed = interceptor.close(5_000);
  await sleep(50);
  await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED');
  client.write('x');
  await client.until(/"body":"x"/);
  await closed;
});
