import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Open, raceTo } from '../../../../sidecar/forward/race.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A listener on loopback, and how many connections it has had. */
async function listener() {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, accepted };
}

/** What becomes of a connection to an address: how long it takes, that it fails at once, or that nothing ever answers. */
type Line = number | 'refused' | 'silent';

/** A network in which each address has a line of its own; `opened` says who was tried, in order. */
function network(lines: Readonly<Record<string, Line>>, port: number) {
  const opened: string[] = [];
  const sockets: Socket[] = [];
  const open: Open = (address) => {
    opened.push(address);
    const socket = new Socket();
    sockets.push(socket);
    const line = lines[address] ?? 'silent';
    if (line === 'refused') {
      setImmediate(() => socket.destroy(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })));
    } else if (line !== 'silent') {
      setTimeout(() => !socket.destroyed && socket.connect(port, '127.0.0.1'), line);
    }
    return socket;
  };
  return { opened, sockets, open };
}

const v4 = (address: string) => ({ address, family: 4 });
const v6 = (address: string) => ({ address, family: 6 });

describe('of several addresses', () => {
  it.each<[string, Record<string, Line>]>([
    ['the first is slow and the last is silent', { '192.0.2.1': 700, '2001:db8::1': 'silent' }],
    ['the first is silent', { '192.0.2.1': 'silent', '2001:db8::1': 0 }],
    ['the first refuses', { '192.0.2.1': 'refused', '2001:db8::1': 0 }],
    ['the last refuses', { '192.0.2.1': 700, '2001:db8::1': 'refused' }],
    ['all are slow', { '192.0.2.1': 700, '2001:db8::1': 800 }],
  ])('one that answers is reached: %s', async (_, lines) => {
    const { port, accepted } = await listener();
    const { open, sockets } = network(lines, port);
    const addresses = [v4('192.0.2.1'), v6('2001:db8::1')];
    const socket = await raceTo({ addresses, port }, open).winner;
    closing.push(() => socket.destroy());
    await sleep(300);
    // Nothing is left of those that lost.
    expect(sockets.filter((other) => !other.destroyed)).toEqual([socket]);
    expect(accepted.filter((other) => !other.destroyed && other.bytesRead > 0)).toEqual([]);
  });

  it('the next is tried at once after a failure, and not before its time otherwise', async () => {
    const { port } = await listener();
    const { open, opened } = network({ '192.0.2.1': 'refused', '192.0.2.2': 'silent' }, port);
    const race = raceTo(
      { addresses: [v4('192.0.2.1'), v4('192.0.2.2'), v4('192.0.2.3')], port },
      open,
    );
    await sleep(100);
    expect(opened).toEqual(['192.0.2.1', '192.0.2.2']);
    await sleep(300);
    expect(opened).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    race.abandon();
  });

  it('the families take turns', async () => {
    const { port } = await listener();
    const addresses = [v6('2001:db8::1'), v6('2001:db8::2'), v4('192.0.2.1'), v4('192.0.2.2')];
    const refused = Object.fromEntries(
      addresses.map(({ address }) => [address, 'refused'] as const),
    );
    const { open, opened } = network(refused, port);
    await expect(raceTo({ addresses, port }, open).winner).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    expect(opened).toEqual(['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2']);
  });

  it('none is left when they are given up', async () => {
    const { port } = await listener();
    const { open, sockets } = network({}, port);
    const race = raceTo({ addresses: [v4('192.0.2.1'), v4('192.0.2.2')], port }, open);
    await sleep(300);
    race.abandon();
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });
});

it('a single address is reached over a real socket', async () => {
  const { port } = await listener();
  const socket = await raceTo({ addresses: [v4('127.0.0.1')], port }).winner;
  closing.push(() => socket.destroy());
  expect(socket.remotePort).toBe(port);
});
