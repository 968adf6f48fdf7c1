import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ProblemError, toProblemDocument } from '../../../../core/api/problem.ts';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import type { ResponseWriter } from '../../../../sidecar/intercept/call.ts';
import { lingeringClose, refuse, refuseRaw } from '../../../../sidecar/intercept/refusal.ts';
import { RawClient } from './clients.ts';

const problem = new ProblemError('RequestMalformed', 'The bytes are not HTTP/1.1.');
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

/** A client of a server that treats its connections so. */
async function clientOf(accept: (socket: Socket) => void): Promise<RawClient> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    accept(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return RawClient.connect((server.address() as AddressInfo).port);
}

describe('a refusal on a bare connection', () => {
  it('is a whole answer of HTTP/1.1 with a problem document, and the last one', async () => {
    const client = await clientOf((socket) => refuseRaw(socket, problem));
    const [head = '', body = ''] = (await client.untilClosed()).split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      `HTTP/1.1 400 Bad Request: ActionGrant refused the call (RequestMalformed): ${problem.detail}`,
      'content-type: application/problem+json',
      'cache-control: no-store',
      'x-should-retry: false',
      `content-length: ${body.length}`,
      'connection: close',
    ]);
    expect(JSON.parse(body)).toMatchObject(toProblemDocument(problem));
  });

  it('reaches a client that still writes: the connection is not reset at once', async () => {
    const client = await clientOf((socket) => refuseRaw(socket, problem));
    for (let i = 0; i < 20 && !client.closed; i += 1) client.write(Buffer.alloc(64 * 1024));
    expect(await client.until(/\}$/)).toContain('RequestMalformed');
    client.socket.destroy();
  });

  it('is left out where nothing can be written any more', async () => {
    const client = await clientOf((socket) => {
      socket.end();
      refuseRaw(socket, problem);
    });
    expect(await client.untilClosed()).toBe('');
  });
});

it('a connection that lingers is closed after a second, whatever its client does', async () => {
  const client = await clientOf((socket) => lingeringClose(socket));
  const began = performance.now();
  await client.untilClosed();
  expect(performance.now() - began).toBeGreaterThan(900);
});

describe('a call that failed', () => {
  /** What is done with the answer, in which state it is. */
  function anAnswer(state: { started: boolean; finished: boolean }) {
    const done: unknown[] = [];
    const respond: ResponseWriter = {
      ...state,
      writeHead: (status: number, headers: readonly HeaderPair[]) =>
        void done.push([status, headers]),
      pipe: () => Promise.reject(new Error('not expected')),
      end: async (body) => void done.push(JSON.parse(String(body))),
      abort: () => void done.push('abort'),
    };
    return { respond, done };
  }

  it('is answered with its problem', async () => {
    const { respond, done } = anAnswer({ started: false, finished: false });
    await refuse(respond, problem);
    expect(done).toMatchObject([
      [400, expect.arrayContaining([['content-type', 'application/problem+json']])],
      { code: 'RequestMalformed' },
    ]);
  });

  it('by a fault of our own is answered without the fault', async () => {
    const { respond, done } = anAnswer({ started: false, finished: false });
    await refuse(respond, new Error('hunter2'));
    expect(done).toMatchObject([
      [500, expect.arrayContaining([['content-type', 'application/problem+json']])],
      { code: 'Internal' },
    ]);
    expect(JSON.stringify(done)).not.toContain('hunter2');
  });

  it.each([
    ['once its head is out, is cut off', { started: true, finished: false }, ['abort']],
    ['after its end, is left alone', { started: true, finished: true }, []],
  ])('%s', async (_, state, expected) => {
    const { respond, done } = anAnswer(state);
    await refuse(respond, problem);
    expect(done).toEqual(expected);
  });
});
