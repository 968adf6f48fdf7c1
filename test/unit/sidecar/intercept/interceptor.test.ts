/**
 * The interceptor's contract: every call of every client reaches the handler once, one after another on an HTTP/1
 * connection, with its bytes unchanged; whatever else a client sends gets a refusal in words or a closed connection, and
 * nothing it does ends the process or holds it for ever.
 */

import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import { eventually } from '../../../support/eventually.ts';
import { countNewSockets } from '../../../support/open-sockets.ts';
import { describeCall, HOST, openH2, openTLS, RawClient, request } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe.each(['h1', 'h2'] as const)('a call by %s in a tunnel', (protocol) => {
  it('reaches the handler as it was sent', async () => {
    const proxy = await start();
    const { body } = await request(protocol, proxy, {
      method: 'POST',
      path: '/a/../b?q=%2e',
      headers: { 'x-a': 'b', 'content-type': 'text/plain' },
      body: 'hello',
    });
    const { head, ...rest } = JSON.parse(body);
    expect(rest).toEqual({ bodyIsEmpty: false, body: 'hello' });
    expect(head).toMatchObject({
      via: 'connect',
      httpVersion: protocol === 'h1' ? '1.1' : '2',
      scheme: 'https',
      connectAuthority: `${HOST}:443`,
      sni: HOST,
      method: 'POST',
      target: '/a/../b?q=%2e',
      ...(protocol === 'h2' ? { authority: `${HOST}:443` } : {}),
    });
    const at = head.rawHeaders.indexOf('x-a');
    expect(head.rawHeaders.slice(at, at + 2)).toEqual(['x-a', 'b']);
  });

  it('without a body says so', async () => {
    const proxy = await start();
    const { body } = await request(protocol, proxy);
    expect(JSON.parse(body)).toMatchObject({ bodyIsEmpty: true, body: '' });
  });

  it('gets every header of its answer, repeated ones too', async () => {
    const proxy = await start(async ({ respond }) => {
      respond.writeHead(201, [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ]);
      await respond.end('made');
    });
    const answer = await request(protocol, proxy);
    expect(answer).toMatchObject({ status: 201, body: 'made' });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it('with HEAD gets the head alone', async () => {
    const proxy = await start(async ({ respond }) => {
      respond.writeHead(200, [['content-length', '1234']]);
      await respond.pipe(Readable.from([]));
    });
    const answer = await request(protocol, proxy, { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['content-length']).toBe('1234');
  });

  it('streams both ways at once', async () => {
    const proxy = await start(async ({ respond, body }) => {
      respond.writeHead(200, []);
      await respond.pipe(body);
    });
    const big = 'x'.repeat(3 * 1024 * 1024);
    expect((await request(protocol, proxy, { method: 'PUT', body: big })).body.length).toBe(
      big.length,
    );
  });

  it('gets the head of a stream before its first event', async () => {
    const events = new PassThrough();
    const proxy = await start(async ({ respond }) => {
      respond.writeHead(200, [['content-type', 'text/event-stream']]);
      await respond.pipe(events);
    });
    if (protocol === 'h1') {
      const socket = await openTLS(proxy);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      const client = new RawClient(socket);
      await client.until(/text\/event-stream[\s\S]*\r\n\r\n/);
      events.write('data: 1\n\n');
      await client.until(/data: 1\n\n/);
      socket.destroy();
    } else {
      const session = await openH2(proxy);
      const stream = session.request({ ':path': '/' });
      await once(stream, 'response');
      events.write('data: 1\n\n');
      expect(String((await once(stream, 'data'))[0])).toBe('data: 1\n\n');
      session.destroy();
    }
  });

  it('whose answer failed before anything was sent gets the reason in words', async () => {
    const proxy = await start(async ({ respond }) => {
      const body = new PassThrough();
      body.on('error', () => {}).destroy(new ProblemError('CredentialEchoed', 'cut'));
      await sleep(10);
      respond.writeHead(200, [['x-a', 'b']]);
      await respond.pipe(body);
    });
    const answer = await request(protocol, proxy);
    expect(answer.status).toBe(502);
    expect(answer.headers['x-a']).toBeUndefined();
    expect(answer.body).toContain('CredentialEchoed');
  });
});

describe('closing', () => {
  it.each(['h1', 'h2'] as const)(
    'lets calls in flight by %s end, and takes no new ones',
    async (protocol) => {
      const proxy = await start(async (call) => {
        await sleep(200);
        await describeCall(call);
      });
      const idle = await RawClient.connect(proxy.port);
      const inFlight = request(protocol, proxy);
      await sleep(100);
      const closed = proxy.interceptor.close(5_000);
      await idle.untilClosed();
      await expect(RawClient.connect(proxy.port)).rejects.toThrow();
      expect((await inFlight).status).toBe(200);
      await closed;
    },
  );

  it('cuts what does not end', async () => {
    const proxy = await start(async ({ signal }) => {
      await once(signal, 'abort');
    });
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await sleep(50);
    await proxy.interceptor.close(50);
    await client.untilClosed();
  });
});

it('leaves nothing open after many calls of every kind', async () => {
  const newSockets = countNewSockets();
  const proxy = await start(async (call) => {
    if (call.head.target.endsWith('fail')) throw new Error('fault');
    await describeCall(call);
  });
  for (let i = 0; i < 10; i += 1) {
    await Promise.all([
      request('h1', proxy, { path: '/fail' }),
      request('h2', proxy, { method: 'POST', body: 'x' }),
      request('h2', proxy, { path: '/fail' }),
      RawClient.connect(proxy.port).then((client) => {
        client.write('junk\r\n\r\n');
        return client.untilClosed();
      }),
    ]);
  }
  await eventually(() => expect(newSockets()).toBe(0));
});
