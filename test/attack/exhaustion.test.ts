/** What one agent can make its sidecar hold, and whether any bytes end it. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTCP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTLS } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ActionGrant, GrantBody } from '../../core/api/generated/actiongrant.ts';
import { BODY_LIMIT_BYTES } from '../../core/api/names.ts';
import { aGrantSpec, aNewGrant, withoutCredential } from '../support/builders.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { grantsPath, untilPhase } from '../support/grants.ts';
import type { Replica } from '../support/replica-process.ts';
import { type ScriptedService, startScriptedService } from '../support/scripted-service.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';
import type { SidecarProcess } from '../support/sidecar-process.ts';
import { h2Connection } from './h2-frames.ts';
import { type StalledRequest, stallH2 } from './stalled-h2.ts';

const HOST = 'edr.example.com';
/** Reached over plain HTTP, at a service of ours. */
const SERVICE = 'http://plain.example.com';
const AGENT = 'incident-agent';
const MIB = 1024 * 1024;
/** The sidecar has much to do, on a machine that may have little to do it with. */
const PATIENCE = { withinMilliseconds: 20_000, everyMilliseconds: 50 };
/** What the sidecar may take for whatever is done to it; the idle one has about 100 MiB. */
const MEMORY_MIB = 400;

let plane: ControlPlane;
let namespace: string;
let service: ScriptedService;
let product: SharedProduct;
/** Answers the sidecar of this file, and is silent when told. */
let replica: Replica;
let sidecar: SidecarProcess;
const sockets: Socket[] = [];

beforeAll(async () => {
  product = await shareProduct();
  ({ plane, namespace } = product);
  service = await startScriptedService('plain');
  replica = await product.startReplica({
    // What the exchange refuses for their number would have no manifest.
    environment: { ACTIONGRANT_POD_RATE_PER_SECOND: '10000' },
  });
  sidecar = await product.startSidecar({
    namespace,
    serviceAccountName: AGENT,
    connectTo: new Map([['plain.example.com:80', `127.0.0.1:${service.port}`]]),
    environment: { ACTIONGRANT_CONTROLLER_URLS: `https://127.0.0.1:${replica.port}` },
  });
});

afterAll(async () => {
  await product?.stop();
  await service?.close();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  // Whatever was done to it, the next call gets its answer.
  await eventually(
    async () => expect(await call('GET / HTTP/1.1')).toMatch(/^HTTP\/1\.1 403 /),
    PATIENCE,
  );
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

/** A usable grant without a credential. */
async function grant(method: string, path: string, body?: GrantBody): Promise<void> {
  const http = { method, url: `${SERVICE}${path}`, ...(body === undefined ? {} : { body }) };
  const spec = aGrantSpec({
    agent: { serviceAccountName: AGENT },
    action: { type: 'HTTP', http },
    approvedByRequester: true,
  });
  const created = await plane.api<ActionGrant>('POST', grantsPath(namespace), {
    ...aNewGrant(),
    spec: withoutCredential(spec),
  });
  await untilPhase(plane, created, 'Approved');
}

/** The status line and whatever else came first. */
async function call(requestLine: string, rest = ''): Promise<string> {
  const socket = await open();
  socket.write(`${requestLine.replace(' /', ` http://${HOST}/`)}\r\nHost: ${HOST}\r\n${rest}\r\n`);
  const answer = await firstOf(socket);
  socket.destroy();
  return answer;
}

/** What comes first; nothing if the connection is closed instead. */
function firstOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('close', () => resolve(''));
  });
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
    // What they took is free again when they are gone.
    for (const socket of sockets.splice(0)) socket.destroy();
    await eventually(async () => {
      const whole = `Content-Length: ${MIB}\r\n\r\n${'x'.repeat(MIB)}`;
      expect(await call('POST / HTTP/1.1', whole)).toMatch(/^HTTP\/1\.1 403 /);
    }, PATIENCE);
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

/** Lines without an effect, that take nearly all of what one head may have. */
const BIG = Object.fromEntries(
  ['user-agent', 'baggage', 'x-b3-flags', 'x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid'].map(
    (name) => [name, 'x'.repeat(5_000)],
  ),
);
const lines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
const head = (path: string, rest: string) =>
  `GET http://${HOST}${path} HTTP/1.1\r\nHost: ${HOST}\r\n${rest}`;

describe('memory of the heads and answers that a client multiplies', () => {
  let calls = 0;

  /** What was held is let go of, and this call is made as if nothing had been. */
  async function expectGrantedCall(): Promise<void> {
    expect(sidecar.process.running).toBe(true);
    expect(memory()).toBeLessThan(MEMORY_MIB);
    for (const socket of sockets.splice(0)) socket.destroy();
    const path = `/granted-${calls++}`;
    service.on(path, (_, response) => void response.end('done'));
    await grant('GET', path);
    await eventually(async () => {
      const socket = await open();
      socket.write(`GET ${SERVICE}${path} HTTP/1.1\r\nHost: plain.example.com\r\n\r\n`);
      expect(await firstOf(socket)).toMatch(/^HTTP\/1\.1 200 /);
    }, PATIENCE);
  }

  /** Every call waits for its authorization meanwhile, for as long as it may. */
  async function withSilentController(flooded: () => Promise<void>): Promise<void> {
    const controller = replica.process.pid ?? Number.NaN;
    process.kill(controller, 'SIGSTOP');
    try {
      await flooded();
    } finally {
      process.kill(controller, 'SIGCONT');
    }
  }

  /** Connections with these bytes. @returns how many of them the sidecar has closed */
  async function flood(connections: number, bytes: string): Promise<() => number> {
    let closed = 0;
    for (let i = 0; i < connections; i += 1) {
      const socket = await open();
      socket.once('close', () => {
        closed += 1;
      });
      socket.resume();
      socket.write(bytes);
    }
    return () => closed;
  }

  it('is bounded for big heads, many on each of many connections', async () => {
    const bytes = Array.from({ length: 16 }, (_, i) => head(`/${i}`, `${lines(BIG)}\r\n`));
    await withSilentController(async () => {
      const closed = await flood(200, bytes.join(''));
      await eventually(() => expect(closed()).toBe(200), PATIENCE);
    });
    await expectGrantedCall();
  });

  it('is bounded for big heads, as many on each connection as may be', async () => {
    const bytes = [head('/1', `${lines(BIG)}\r\n`), head('/2', `${lines(BIG)}\r\n`)];
    await withSilentController(async () => {
      const closed = await flood(450, bytes.join(''));
      await eventually(() => expect(closed()).toBeGreaterThan(200), PATIENCE);
    });
    await expectGrantedCall();
  });

  it('is bounded for thousands of lines in each head, whether it ends or not', async () => {
    const short = Array.from({ length: 4_000 }, (_, i) => `${i.toString(36)}:a\r\n`).join('');
    const before = (await sidecar.log()).length;
    await flood(200, head('/', short));
    const closed = await flood(200, head('/', `${short}\r\n`));
    await eventually(() => expect(closed()).toBe(200));
    expect((await sidecar.log()).slice(before)).not.toContain('TooManyConnections');
    await expectGrantedCall();
  });

  /** Calls over HTTP/2 whose answers nobody takes, on so many connections. @returns what became of them */
  async function stall(connections: number, request: StalledRequest) {
    const ca = readFileSync(sidecar.caFile, 'utf8');
    const stalled: Awaited<ReturnType<typeof stallH2>>[] = [];
    for (let i = 0; i < connections; i += 1) {
      stalled.push(await stallH2(await open(), { host: HOST, ca, count: 100, request }));
    }
    return {
      refused: () => sum(stalled.map((s) => s.answered.get(403) ?? 0)),
      answered: () => sum(stalled.flatMap((s) => [...s.answered.values()])),
      reset: () => sum(stalled.map((s) => s.reset)),
    };
  }
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

  it('is bounded for big heads of HTTP/2 calls whose answers are not taken', async () => {
    const { reset } = await stall(40, { headers: BIG });
    await eventually(() => expect(reset()).toBeGreaterThan(200), PATIENCE);
    await expectGrantedCall();
  });

  it('is bounded for many HTTP/2 calls whose answers are not taken', async () => {
    const { answered, reset } = await stall(30, { headers: {} });
    await eventually(() => expect(answered() + reset()).toBeGreaterThanOrEqual(3_000), PATIENCE);
    expect(reset()).toBeGreaterThanOrEqual(3_000 - 1_024);
    await expectGrantedCall();
  });

  it('is bounded for long refusals that are not taken', async () => {
    const { answered, refused, reset } = await stall(9, {
      headers: { ':method': 'POST', 'content-type': 'application/json' },
      // Quotes that are escaped in the body, again in the manifest, and again in the refusal.
      body: JSON.stringify('"'.repeat(16_000)),
    });
    await eventually(() => expect(answered() + reset()).toBeGreaterThanOrEqual(900), PATIENCE);
    expect(refused()).toBeGreaterThan(50);
    await expectGrantedCall();
  });
});

describe('a body over the limit that fails while its call waits for an authorization', () => {
  const overLimit = Buffer.alloc(BODY_LIMIT_BYTES + 1, 'a');

  const FAILURES: Readonly<Record<string, (socket: Socket, path: string) => Promise<string>>> = {
    async 'trailers follow it'(socket, path) {
      socket.write(
        `POST ${SERVICE}${path} HTTP/1.1\r\nHost: plain.example.com\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      socket.write(`${overLimit.length.toString(16)}\r\n`);
      socket.write(overLimit);
      socket.write('\r\n0\r\nx: y\r\n\r\n');
      return firstOf(socket);
    },
    async 'its client goes away'(socket, path) {
      const length = overLimit.length + 100;
      socket.write(
        `POST ${SERVICE}${path} HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: ${length}\r\n\r\n`,
      );
      await new Promise((resolve) => socket.write(overLimit, resolve));
      socket.resetAndDestroy();
      return '';
    },
  };

  it.each(Object.keys(FAILURES))('does not end it without a grant: %s', async (how) => {
    const answer = await FAILURES[how]?.(await open(), '/refused');
    expect(answer).toMatch(/^$|^HTTP\/1\.1 403 /);
  });

  it.each(Object.keys(FAILURES))('is not sent with one, and does not end it: %s', async (how) => {
    await grant('POST', '/failing', { type: 'Any' });
    const answer = await FAILURES[how]?.(await open(), '/failing');
    expect(answer).toMatch(/^$|^HTTP\/1\.1 [45]/);
    expect(service.seen).not.toContain('POST /failing');
  });
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
