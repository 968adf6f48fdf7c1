import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import type { CallHandler } from '../../../../sidecar/intercept/call.ts';
import { eventually } from '../../../support/eventually.ts';
import { HOST, RawClient } from './clients.ts';
import { startsProxies } from './proxies.ts';

const start = startsProxies();

/** The bytes of the answer to a call, up to the end of the connection, less the lines that every answer has. */
async function answerTo(method: string, handle: CallHandler): Promise<string> {
  const { port } = await start(handle);
  const client = await RawClient.connect(port);
  const head = `${method} http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`;
  client.write(head);
  return (await client.untilClosed()).replace('Connection: close\r\n', '');
}

const ending =
  (status: number, headers: readonly HeaderPair[], body?: string): CallHandler =>
  async ({ respond }) => {
    respond.writeHead(status, headers);
    await respond.end(body);
  };

describe('the answer to a call by HTTP/1', () => {
  it.each<[string, string, CallHandler, string]>([
    ['a short body', 'GET', ending(200, [], 'hello'), '200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['none', 'GET', ending(200, []), '200 OK\r\ncontent-length: 0\r\n\r\n'],
    [
      'a body whose length was given',
      'GET',
      ending(200, [['content-length', '5']], 'hello'),
      '200 OK\r\ncontent-length: 5\r\n\r\nhello',
    ],
    ['none, with status 204', 'GET', ending(204, []), '204 No Content\r\n\r\n'],
    ['none, with status 304', 'GET', ending(304, []), '304 Not Modified\r\n\r\n'],
    ['none, for HEAD', 'HEAD', ending(200, [], 'hello'), '200 OK\r\n\r\n'],
    [
      'a stream of known length that is here already',
      'GET',
      async ({ respond }) => {
        respond.writeHead(200, [['content-length', '5']]);
        await respond.pipe(Readable.from([Buffer.from('hello')]));
      },
      '200 OK\r\ncontent-length: 5\r\n\r\nhello',
    ],
    [
      'a stream of unknown length',
      'GET',
      async ({ respond }) => {
        respond.writeHead(200, []);
        await respond.pipe(Readable.from([Buffer.from('hello')]));
      },
      '200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ],
  ])('with %s', async (_, method, handle, answer) => {
    expect(await answerTo(method, handle)).toBe(`HTTP/1.1 ${answer}`);
  });

  it('is that of the last head that was set before anything was sent', async () => {
    const answer = await answerTo('GET', async ({ respond }) => {
      respond.writeHead(200, [['x-a', '1']]);
      expect([respond.started, respond.finished]).toEqual([false, false]);
      respond.writeHead(403, []);
      await respond.end();
      expect([respond.started, respond.finished]).toEqual([true, true]);
    });
    expect(answer).toBe('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  });

  it('is over when its client has gone, whoever writes it', async () => {
    let over = false;
    const { port } = await start(async ({ respond, signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      // The connection is closed a moment later.
      await new Promise((resolve) => setTimeout(resolve, 20));
      respond.writeHead(200, []);
      await respond.end('hello');
      over = respond.finished;
    });
    const client = await RawClient.connect(port);
    client.write(`GET http://${HOST}/ HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    setTimeout(() => client.socket.resetAndDestroy(), 20);
    await eventually(() => expect(over).toBe(true));
  });
});
