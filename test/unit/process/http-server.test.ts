import { once } from 'node:events';
import { Agent, createServer, get, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { drain, listenOn, sendAway } from '../../../process/http-server.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };
const servers: Server[] = [];
const agent = new Agent({ keepAlive: true });

afterEach(() => {
  agent.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handle: (response: ServerResponse) => void) {
  const server = createServer((_, response) => handle(response));
  servers.push(server);
  const { port } = await listenOn(server, LOCAL);
  return { server, port };
}

/** The status, or the code of the error. */
async function fetchFrom(port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

describe('listening', () => {
  it('tells the port that was chosen', async () => {
    const { port } = await serve((response) => response.end());
    expect(port).toBeGreaterThan(0);
    expect(await fetchFrom(port)).toBe(200);
  });

  it('fails where the port is taken', async () => {
    const { port } = await serve(() => {});
    await expect(listenOn(createServer(), { ...LOCAL, port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

describe('draining', () => {
  it('takes no new connection, and lets a request that is under way end', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const { server, port } = await serve(arrived.resolve);
    const call = fetchFrom(port);
    const response = await arrived.promise;
    const drained = drain(server, 10_000);
    expect(await fetchFrom(port)).toBe('ECONNREFUSED');
    response.end('done');
    expect(await call).toBe(200);
    await drained;
  });

  it('closes a kept-alive connection that is idle, at once', async () => {
    const { server, port } = await serve((response) => response.end());
    await fetchFrom(port);
    const start = performance.now();
    await drain(server, 10_000);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('cuts a connection that never asked for anything, long before the grace is over', async () => {
    const { server, port } = await serve((response) => response.end());
    const socket = connect(port, '127.0.0.1');
    await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
    const closed = once(socket, 'close');
    const start = performance.now();
    await drain(server, 10_000);
    await closed;
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('cuts what does not end within the grace', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const { server, port } = await serve(arrived.resolve);
    const call = fetchFrom(port);
    await arrived.promise;
    await drain(server, 50);
    expect(await call).toBe('ECONNRESET');
  });

  it('of a server that does not listen is done', async () => {
    await drain(createServer(), 10_000);
  });
});

describe('sending clients away', () => {
  it('answers requests over connections that are in use, each time for the last time, until none comes', async () => {
    const { server, port } = await serve((response) => response.end());
    const connections = new Set<object>();
    server.on('request', ({ socket }) => connections.add(socket));
    await fetchFrom(port);
    await fetchFrom(port);
    expect(connections.size).toBe(1);
    const away = sendAway(server, 10_000);
    const answers = [await fetchFrom(port), await fetchFrom(port), await fetchFrom(port)];
    expect(answers).toEqual([200, 200, 200]);
    expect(connections.size).toBe(3);
    await away;
    await drain(server, 10_000);
    expect(await fetchFrom(port)).toBe('ECONNREFUSED');
  });

  it('takes no time where nobody asked lately', async () => {
    const { server } = await serve((response) => response.end());
    const start = performance.now();
    await sendAway(server, 10_000);
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('ends with clients that never stop', async () => {
    const { server, port } = await serve((response) => response.end());
    let ended = false;
    const away = sendAway(server, 700).then(() => {
      ended = true;
    });
    const start = performance.now();
    await fetchFrom(port);
    while (!ended) await fetchFrom(port);
    await away;
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
