/**
 * An HTTPS origin (Node's own server, 1 KiB for every GET) and a load generator that does little more than count bytes, in
 * one process. Ends with its parent.
 */

import { once } from 'node:events';
import { createServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { quantile } from './statistics.ts';

export const ORIGIN = 'origin.example.com';

export interface OriginOptions {
  readonly type: 'Origin';
  /** Where it listens; a free port of loopback by default. */
  readonly listen?: { readonly host: string; readonly port: number };
  readonly certificate: string;
  readonly key: string;
}

export interface LoadOptions {
  readonly type: 'Load';
  readonly connections: number;
  readonly milliseconds: number;
  /** PEM that verifies who answers. */
  readonly ca: string;
  readonly port: number;
  /** Whether `port` is a proxy's, to be asked for the origin by CONNECT. */
  readonly proxy: boolean;
}

export interface LoadResult {
  /** All that were answered, also before and after what is counted a second. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Milliseconds: number;
}

const BODY = 'x'.repeat(1024);
const HEADERS = { 'content-type': 'text/plain', 'content-length': BODY.length };
const REQUEST = Buffer.from(`GET /v1/item HTTP/1.1\r\nhost: ${ORIGIN}\r\naccept: */*\r\n\r\n`);
const END_OF_HEAD = '\r\n\r\n';
const WARM_UP_MILLISECONDS = 300;

async function startOrigin({ certificate, key, listen }: OriginOptions): Promise<number> {
  const server = createServer({ cert: certificate, key }, (_request, response) => {
    response.writeHead(200, HEADERS).end(BODY);
  });
  server.listen(listen?.port ?? 0, listen?.host ?? '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

async function openConnection({ port, proxy, ca }: LoadOptions): Promise<TLSSocket> {
  const raw = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(raw, 'connect');
  if (proxy) await openTunnel(raw);
  const socket = connectTls({ socket: raw, servername: ORIGIN, ca });
  await once(socket, 'secureConnect');
  return socket;
}

async function openTunnel(raw: Socket): Promise<void> {
  raw.write(`CONNECT ${ORIGIN}:443 HTTP/1.1\r\nhost: ${ORIGIN}:443\r\n\r\n`);
  const [answer] = (await once(raw, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(`${answer}`);
}

/** Length of a response, from its first bytes. */
function lengthOf(start: Buffer): number {
  const head = start.toString('latin1').split(END_OF_HEAD, 1)[0] ?? '';
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 200') || length === undefined) throw new Error(head);
  return head.length + END_OF_HEAD.length + Number(length);
}

interface Timed {
  readonly sentAt: number;
  readonly milliseconds: number;
}

/** One request after another until the end; the time of each. */
function drive(socket: TLSSocket, until: number): Promise<Timed[]> {
  return new Promise((resolve, reject) => {
    const times: Timed[] = [];
    let sentAt = 0;
    let missing = 0;
    const send = (): void => {
      sentAt = performance.now();
      socket.write(REQUEST);
    };
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      try {
        if (missing === 0) missing = lengthOf(chunk);
      } catch (error) {
        reject(error);
        return;
      }
      missing -= chunk.length;
      if (missing > 0) return;
      const now = performance.now();
      if (missing < 0) reject(new Error('more came than was asked for'));
      times.push({ sentAt, milliseconds: now - sentAt });
      if (now < until) send();
      else {
        socket.removeAllListeners('close');
        socket.destroy();
        resolve(times);
      }
    });
    send();
  });
}

async function run(options: LoadOptions): Promise<LoadResult> {
  const sockets = await Promise.all(
    Array.from({ length: options.connections }, () => openConnection(options)),
  );
  const from = performance.now() + WARM_UP_MILLISECONDS;
  const until = from + options.milliseconds;
  const all = (await Promise.all(sockets.map((socket) => drive(socket, until)))).flat();
  const times = all
    .filter(({ sentAt, milliseconds }) => sentAt >= from && sentAt + milliseconds <= until)
    .map(({ milliseconds }) => milliseconds);
  return {
    requests: all.length,
    requestsPerSecond: (1000 * times.length) / options.milliseconds,
    p50Milliseconds: quantile(times, 0.5),
  };
}

process.on('message', (options: OriginOptions | LoadOptions) => {
  const work = options.type === 'Origin' ? startOrigin(options) : run(options);
  work.then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));
