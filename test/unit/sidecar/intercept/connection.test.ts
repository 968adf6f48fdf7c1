import { once } from 'node:events';
import { connect as connectHTTP2 } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  describeCall,
  HOST,
  openH2,
  openTLS,
  openTunnel,
  RawClient,
  readBody,
  request,
} from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe('a client that holds on', () => {
  it.each([
    ['sends nothing', async (_client: RawClient) => {}],
    ['sends its head byte by byte', trickle('GET http://edr.example.com/ HTTP/1.1\r\nx: ')],
    ['never completes its CONNECT', trickle('CONNECT edr.example.com:443 HTTP/1.1\r\nx: ')],
  ])('and %s is closed', async (_name, act) => {
    const proxy = await start(describeCall, { limits: { headMilliseconds: 200 } });
    const client = await RawClient.connect(proxy.port);
    void act(client);
    await client.untilClosed();
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'Idle' }]);
  });

  it('and opens a tunnel without a handshake is closed', async () => {
    const proxy = await start(describeCall, { limits: { headMilliseconds: 200 } });
    const client = new RawClient(await openTunnel(proxy.port));
    client.socket.resume();
    await client.untilClosed();
    expect(proxy.events).toEqual([{ type: 'ConnectionRefused', reason: 'Idle' }]);
  });

  it('and sends no more requests is closed', async () => {
    const proxy = await start(describeCall, { limits: { idleMilliseconds: 200 } });
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await client.until(/\}$/);
    await client.untilClosed();
  });

  it.each(['h1', 'h2'] as const)(
    'and stops in the middle of its body by %s is closed',
    async (protocol) => {
      const seen = Promise.withResolvers<unknown>();
      const proxy = await start(
        async (call) => {
          seen.resolve(await readBody(call).catch((error: unknown) => error));
        },
        { limits: { idleMilliseconds: 200 } },
      );
      if (protocol === 'h1') {
        const client = await RawClient.connect(proxy.port);
        client.write(`POST http://${HOST}/ HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf`);
        await client.untilClosed();
      } else {
        const session = await openH2(proxy);
        const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
        stream.on('error', () => {});
        stream.write('half');
        await once(session, 'close');
      }
      expect(await seen.promise).toMatchObject({ code: 'CallAborted' });
    },
  );

  it('and does not take its answer by h2 is closed', async () => {
    const proxy = await start(describeCall, { limits: { idleMilliseconds: 200 } });
    const socket = await openTLS(proxy, { ALPNProtocols: ['h2'] });
    // RFC 9113 6.9.2: with such a window not a byte of an answer's body may be sent.
    const session = connectHTTP2(`https://${HOST}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: 0 },
    });
    session.on('error', () => {});
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'response');
    await once(session, 'close');
    expect(proxy.events).toContainEqual({ type: 'ConnectionRefused', reason: 'Idle' });
  });

  it('waits for a slow answer is not closed', async () => {
    const proxy = await start(
      async (call) => {
        await sleep(2_000);
        await describeCall(call);
      },
      // Long enough for a request to come whole on a busy machine, short enough to run out during the answer.
      { limits: { idleMilliseconds: 1_000 } },
    );
    expect((await request('h1', proxy, { method: 'POST', body: 'x' })).status).toBe(200);
    expect((await request('h2', proxy, { method: 'POST', body: 'x' })).status).toBe(200);
  }, 15_000);
});

/** One byte every few milliseconds, for ever. */
function trickle(start: string) {
  return async (client: RawClient): Promise<void> => {
    client.write(start);
    while (!client.closed) {
      client.write('a');
      await sleep(10);
    }
  };
}
