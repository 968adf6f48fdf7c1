import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import { QUESTION, query, startsServers } from './servers.ts';

const { aServer, cleanUps } = startsServers();

describe('over TCP', () => {
  const framed = (message: Buffer): Buffer => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return Buffer.concat([length, message]);
  };
  const question = framed(query({ questions: [QUESTION] }));

  async function connected(port: number): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    cleanUps.unshift(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  const receive = async (socket: Socket, answers: number): Promise<number[]> => {
    let received = Buffer.alloc(0);
    const ids: number[] = [];
    for await (const data of socket.iterator({ destroyOnReturn: false })) {
      received = Buffer.concat([received, data as Buffer]);
      while (received.length > 2 && received.length >= 2 + received.readUInt16BE(0)) {
        ids.push(received.readUInt16BE(2));
        received = received.subarray(2 + received.readUInt16BE(0));
      }
      if (ids.length >= answers) break;
    }
    return ids;
  };

  it('questions are answered in turn, however they arrive', async () => {
    const { port } = await aServer();
    const socket = await connected(port);
    const other = framed(query({ id: 8, questions: [QUESTION] }));
    const bytes = Buffer.concat([question, other, question]);
    for (const byte of bytes.subarray(0, 40)) {
      socket.write(Buffer.from([byte]));
      await sleep(1);
    }
    socket.write(bytes.subarray(40));
    expect(await receive(socket, 3)).toEqual([7, 8, 7]);
  });

  it.each([
    ['a message longer than any question', Buffer.from([0xff, 0xff])],
    ['a message without a header', framed(Buffer.from([1]))],
    ['a response', framed(encode({ type: 'response', questions: [QUESTION] }))],
  ])('%s ends the connection', async (_name, bytes) => {
    const { port } = await aServer();
    const socket = await connected(port);
    const closed = once(socket, 'close');
    socket.resume();
    socket.write(bytes);
    await closed;
  });

  it('who does not read the answers is cut off', async () => {
    // Time flies, so that the rate of questions is no limit.
    let time = 0;
    const monotonic = () => {
      time += 1000;
      return time;
    };
    const { port, events } = await aServer({ clock: { ...systemClock, monotonic } });
    const socket = await connected(port);
    // Reset or ended: either way it is closed.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.pause();
    const many = Buffer.concat(new Array<Buffer>(1000).fill(question));
    const writing = setInterval(() => {
      if (socket.writable && socket.writableLength < 1_000_000) socket.write(many);
    }, 1);
    cleanUps.unshift(() => clearInterval(writing));
    await closed;
    expect(events).not.toContainEqual({ type: 'Question', result: 'Dropped' });
  }, 20_000);

  it('there is a limit to connections', async () => {
    const { port } = await aServer();
    const sockets: Socket[] = [];
    for (let i = 0; i < 64; i += 1) sockets.push(await connected(port));
    const refused = await connected(port);
    refused.resume();
    await once(refused, 'close');
    const first = sockets[0];
    if (first === undefined) throw new Error('no connection');
    first.write(question);
    expect(await receive(first, 1)).toEqual([7]);
  });

  it('an idle connection is closed', async () => {
    const { port } = await aServer();
    const socket = await connected(port);
    socket.resume();
    const started = performance.now();
    await once(socket, 'close');
    expect(performance.now() - started).toBeGreaterThan(4000);
  }, 20_000);
});
