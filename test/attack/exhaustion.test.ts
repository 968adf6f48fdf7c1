/** What one agent can make its sidecar hold, and whether any bytes end it. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTCP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTLS } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type Product, type SidecarProcess, startProduct } from '../support/product.ts';
import { h2Connection } from './h2-frames.ts';

const HOST = 'edr.example.com';
const MIB = 1024 * 1024;
/** What the sidecar may take for whatever is done to it; the idle one has about 100 MiB. */
const MEMORY_MIB = 400;

let product: Product;
let sidecar: SidecarProcess;
const sockets: Socket[] = [];

beforeAll(async () => {
  const plane = connectControlPlane(inject('controlPlane'));
  const namespace = await plane.createNamespace('soc');
  product = await startProduct(plane, { replicas: 1, agentNamespaces: [namespace] });
  sidecar = await product.startSidecar({ namespace, serviceAccountName: 'incident-agent' });
});

afterAll(() => product?.stop());

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  // Whatever was done to it, the next call gets its answer.
  await eventually(async () => expect(await call('GET / HTTP/1.1')).toMatch(/^HTTP\/1\.1 403 /));
  expect(sidecar.process.running).toBe(true);
  expect(await sidecar.log()).not.toMatch(/Internal|HandlerFailed/);
});

async function open(port = sidecar.port): Promise<Socket> {
  const socket = connectTCP(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The status line and whatever else came first. */
async function call(requestLine: string, rest = ''): Promise<string> {
  const socket = await open();
  socket.write(`${requestLine.replace(' /', ` http://${HOST}/`)}\r\nHost: ${HOST}\r\n${rest}\r\n`);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer);
}

/** Of the process and its children, in MiB: it runs under a shell. */
function memory(): number {
  const { pid } = sidecar.process;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  const pids = [String(pid), ...children.filter((child) => child.trim() !== '')];
  const sizes = pids.map((id) => {
    const status = readFileSync(`/proc/${id}/status`, 'utf8');
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? 0);
  });
  return Math.max(...sizes) / 1024;
}

describe('memory', () => {
  it('is not taken by a body in chunks of one byte', async () => {
    const body = `${'1\r\na\r\n'.repeat(MIB - 1)}0\r\n\r\n`;
    const answer = await call('POST / HTTP/1.1', `Transfer-Encoding: chunked\r\n\r\n${body}`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(memory()).toBeLessThan(MEMORY_MIB);
  });

  it('is bounded for bodies that stop just before their end', async () => {
    const refused: string[] = [];
    for (let i = 0; i < 150; i += 1) {
      const socket = await open();
      socket.on('data', (data) => refused.push(String(data)));
      socket.write(
        `POST http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${MIB}\r\n\r\n`,
      );
      socket.write(Buffer.alloc(MIB - 1, 'x'));
    }
    await eventually(() => expect(refused.length).toBeGreaterThan(50));
    for (const answer of refused) expect(answer).toMatch(/^HTTP\/1\.1 429 .*"TooManyRequests"/s);
    expect(memory()).toBeLessThan(MEMORY_MIB);
  });

  it('is not taken by connections to the operations port', async () => {
    const closed: Socket[] = [];
    for (let i = 0; i < 200; i += 1) {
      const socket = await open(sidecar.operationsPort);
      socket.once('close', () => closed.push(socket));
    }
    await eventually(() => expect(closed.length).toBeGreaterThan(100));
  });
});

/** Bytes that are almost right: the same ones with some changed, cut or repeated. */
function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const [what = 0, at = 0, by = 0, more = 0] = randomBytes(4);
  const position = Math.floor((at / 256) * copy.length);
  if (what % 4 === 0) return copy.subarray(0, position);
  if (what % 4 === 1) return Buffer.concat([copy, copy.subarray(position)]);
  copy[position] = by;
  if (what % 4 === 2) copy[Math.floor((more / 256) * copy.length)] = by ^ 0xff;
  return copy;
}

/** Lets go in one of the ways in which a client can. */
async function leave(socket: Socket): Promise<void> {
  const [how = 0] = randomBytes(1);
  if (how % 3 === 0) socket.resetAndDestroy();
  else if (how % 3 === 1) socket.end();
  else await sleep(how % 20);
  if (how % 3 !== 1) socket.destroy();
}

const H1 = Buffer.from(
  `POST http://${HOST}/a HTTP/1.1\r\nHost: ${HOST}\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `3\r\nabc\r\n0\r\n\r\nGET http://${HOST}/b HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
);
const CONNECT = Buffer.from(
  `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n\x16\x03\x01`,
);
const INSIDE = Buffer.from(`POST /a HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nabc`);
const H2 = h2Connection({
  headers: [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':authority', HOST],
    [':path', '/a'],
    ['expect', '100-continue'],
  ],
  data: Buffer.from('abc'),
  trailers: [['x-a', 'b']],
});

describe('damaged bytes and clients that leave at any moment', () => {
  it.each([
    ['plain HTTP/1.1', H1],
    ['a CONNECT', CONNECT],
  ])('do not end it: %s', async (_, bytes) => {
    for (let i = 0; i < 300; i += 1) {
      const socket = await open();
      socket.write(damaged(bytes));
      void leave(socket);
    }
  });

  it.each([
    ['http/1.1', INSIDE],
    ['h2', H2],
  ])('do not end it: %s inside TLS', async (protocol, bytes) => {
    const ca = readFileSync(sidecar.caFile, 'utf8');
    for (let i = 0; i < 150; i += 1) {
      const raw = await open();
      raw.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n`);
      await once(raw, 'data');
      const tls = connectTLS({ socket: raw, ca, servername: HOST, ALPNProtocols: [protocol] });
      tls.on('error', () => {});
      // Some leave within the handshake.
      if (i % 5 === 0) {
        await sleep(i % 4);
      } else {
        await once(tls, 'secureConnect');
        tls.write(damaged(bytes));
      }
      void leave(raw);
    }
  });

  it('do not end it: TLS itself, and any server name', async () => {
    for (let i = 0; i < 150; i += 1) {
      const raw = await open();
      raw.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n`);
      await once(raw, 'data');
      raw.write(damaged(clientHello(i % 2 === 0 ? HOST : randomBytes(12).toString('latin1'))));
      void leave(raw);
    }
  });
});

/** RFC 8446 4.1.2 with one cipher suite, one group without a share, and a server name of any bytes. */
function clientHello(name: string): Buffer {
  const sized = (width: number, content: Buffer): Buffer => {
    const head = Buffer.alloc(width);
    head.writeUIntBE(content.length, 0, width);
    return Buffer.concat([head, content]);
  };
  const extension = (type: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0, type]), sized(2, content)]);
  const serverName = sized(
    2,
    Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(name, 'latin1'))]),
  );
  const extensions = Buffer.concat([
    extension(0, serverName),
    extension(10, sized(2, Buffer.from([0, 0x17]))),
    extension(11, sized(1, Buffer.from([0]))),
    extension(13, sized(2, Buffer.from([4, 3]))),
  ]);
  const hello = Buffer.concat([
    Buffer.from([3, 3]),
    randomBytes(32),
    sized(1, Buffer.alloc(0)),
    sized(2, Buffer.from([0xc0, 0x2b])),
    sized(1, Buffer.from([0])),
    sized(2, extensions),
  ]);
  const handshake = Buffer.concat([Buffer.from([1]), sized(3, hello)]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), sized(2, handshake)]);
}
