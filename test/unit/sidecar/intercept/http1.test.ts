import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CallHandler } from '../../../../sidecar/intercept/call.ts';
import { eventually } from '../../../support/eventually.ts';
import { HOST, RawClient } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

describe('an absolute-form request', () => {
  it('without a Host reaches the handler, too: the refusal is not for the parser to make', async () => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\n\r\n`);
    expect(await client.until(/\}$/)).toContain('"rawHeaders":[]');
    client.socket.destroy();
  });

  it.each([
    ['an upgrade', 'Connection: upgrade\r\nUpgrade: websocket\r\n'],
    ['an unknown expectation', 'Expect: a-miracle\r\n'],
  ])('with %s reaches the handler, and the connection goes on', async (_name, header) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    const bytes = `GET http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\n${header}\r\n`;
    client.write(bytes);
    await client.until(/\}$/);
    client.received = '';
    client.write(bytes);
    expect(await client.until(/\}$/)).toMatch(/^HTTP\/1\.1 200 /);
    client.socket.destroy();
  });

  it.each([
    ['no body', 'GET', '', ''],
    ['a body of a known length', 'POST', 'Content-Length: 2\r\n', 'XX'],
    ['a chunked body', 'POST', 'Transfer-Encoding: chunked\r\n', '2\r\nXX\r\n0\r\n\r\n'],
  ])(
    'that offers HTTP/2 and has %s keeps its framing, and the connection goes on',
    async (...given) => {
      const [, method, framing, body] = given;
      const proxy = await start(async (call) => {
        let text = '';
        for await (const chunk of call.body) text += String(chunk);
        call.respond.writeHead(200, []);
        await call.respond.end(`<${call.head.target}|${text}>`);
      });
      const client = await RawClient.connect(proxy.port);
      client.write(
        `${method} http://${HOST}/1 HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\n` +
          `Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n${framing}\r\n${body}`,
      );
      expect(await client.until(/>/)).toContain(`/1|${body === '' ? '' : 'XX'}>`);
      client.write(`GET http://${HOST}/2 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      expect(await client.until(/\/2\|>/)).not.toContain('101');
      client.socket.destroy();
    },
  );

  it('that is cut off cannot be taken for complete, even by an HTTP/1.0 client', async () => {
    const proxy = await start(async ({ respond }) => {
      const body = new PassThrough();
      respond.writeHead(200, []);
      body.write('half');
      setTimeout(() => body.destroy(new Error('gone')), 50);
      await respond.pipe(body);
    });
    const client = await RawClient.connect(proxy.port);
    const failed = once(client.socket, 'error').catch(([error]) => error);
    client.write(`GET http://${HOST}/ HTTP/1.0\r\n\r\n`);
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(client.received).toContain('half');
  });
});

describe('pipelined requests', () => {
  const pipelined = (count: number) =>
    Array.from(
      { length: count },
      (_, i) => `GET http://${HOST}/${i} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`,
    );

  it('are served one after another, in their order', async () => {
    const log: string[] = [];
    const handle: CallHandler = async ({ head, respond }) => {
      const name = head.target.slice(-1);
      log.push(`+${name}`);
      await sleep(20);
      log.push(`-${name}`);
      respond.writeHead(200, []);
      await respond.end(`<${name}>`);
    };
    const proxy = await start(handle, { limits: { pipelined: 4 } });
    const client = await RawClient.connect(proxy.port);
    client.write(pipelined(4).join(''));
    expect((await client.until(/<3>/)).match(/<\d>/g)).toEqual(['<0>', '<1>', '<2>', '<3>']);
    expect(log.join(' ')).toBe('+0 -0 +1 -1 +2 -2 +3 -3');
    client.socket.destroy();
  });

  it('beyond the limit close the connection', async () => {
    let served = 0;
    const proxy = await start(
      async () => {
        served += 1;
        await sleep(10_000, undefined, { ref: false });
      },
      { limits: { pipelined: 3 } },
    );
    const client = await RawClient.connect(proxy.port);
    client.write(pipelined(10).join(''));
    await client.untilClosed();
    expect(served).toBe(1);
  });

  it('of a client that has gone are not served', async () => {
    let served = 0;
    const proxy = await start(async ({ signal }) => {
      served += 1;
      await once(signal, 'abort');
    });
    const client = await RawClient.connect(proxy.port);
    client.write(pipelined(3).join(''));
    await eventually(() => expect(served).toBe(1));
    client.socket.destroy();
    await sleep(50);
    expect(served).toBe(1);
  });
});

describe('bytes that are not HTTP', () => {
  it.each([
    ['an unknown method', 'FOO BAR\r\n\r\n'],
    ['a header without a colon', 'GET http://a/ HTTP/1.1\r\nhost a\r\n\r\n'],
    ['two lengths', 'GET http://a/ HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s: a problem document, and the connection is closed', async (_name, bytes) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(bytes);
    const answer = await client.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"RequestMalformed"');
  });

  it.each(['', ' HTTP/2.0'])('a request line ending in "%s": refused', async (version) => {
    const proxy = await start();
    const client = await RawClient.connect(proxy.port);
    client.write(`GET http://${HOST}/${version}\r\n\r\n`);
    expect(await client.until(/\}$/)).toContain('"code":"ProtocolRefused"');
    client.socket.destroy();
  });

  it('inside a request that is served reset the connection: no text lands in its answer', async () => {
    const proxy = await start(async ({ respond, body, signal }) => {
      respond.writeHead(200, [['content-length', '1000']]);
      body.on('error', () => {}).resume();
      const answer = new PassThrough();
      answer.write('begin');
      signal.addEventListener('abort', () => answer.destroy());
      await respond.pipe(answer);
    });
    const client = await RawClient.connect(proxy.port);
    client.write(`POST http://${HOST}/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`);
    await client.until(/begin/);
    client.write('not a chunk size\r\n');
    expect(await client.untilClosed()).toMatch(/begin$/);
  });
});
