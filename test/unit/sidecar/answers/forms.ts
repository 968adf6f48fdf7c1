/** Answers in many forms, and services that give them byte for byte. */

import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import {
  serverCertificate,
  startRawUpstream,
  startTCPUpstream,
  type Upstream,
} from '../forward/upstreams.ts';

/** An answer as its service means it. */
export interface Form {
  readonly method?: string;
  /** Answers before the answer: status and headers of each. */
  readonly interim?: readonly (readonly [status: number, headers: readonly HeaderPair[]])[];
  readonly status?: number;
  /** Latin-1; HTTP/1 only. */
  readonly reason?: string;
  readonly headers?: readonly HeaderPair[];
  /** How the end of the body is told; HTTP/1 only. Default: what the headers say. */
  readonly framing?: 'chunked' | 'close';
  readonly version?: '1.0' | '1.1';
  readonly body?: readonly string[];
  /** Between two pieces of the body, and before its end. */
  readonly pauseMilliseconds?: number;
  readonly trailers?: readonly HeaderPair[];
  /** The bytes of an HTTP/1 answer, which HTTP/2 has no form of. Latin-1. */
  readonly bytes?: string;
}

export interface FormService {
  readonly port: number;
  /** Connections open now. */
  readonly open: number;
  on(path: string, form: Form): void;
  close(): Promise<void>;
}

export async function startForms(protocol: 'h1' | 'h2', name: string): Promise<FormService> {
  return protocol === 'h1' ? startH1(name) : startH2(name);
}

/** Without TLS. */
export function startPlainForms(): Promise<FormService> {
  return serveH1((onConnection) => startTCPUpstream(onConnection));
}

function startH1(name: string): Promise<FormService> {
  return serveH1((onConnection) => startRawUpstream(onConnection, [name]));
}

async function serveH1(
  start: (onConnection: (socket: Socket) => void) => Promise<Upstream>,
): Promise<FormService> {
  const forms = new Map<string, Form>();
  const upstream = await start((socket) => {
    let received = '';
    socket.on('data', (data) => {
      received += data.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const path = received.split(' ')[1] ?? '';
      received = received.slice(end + 4);
      void writeH1(socket, forms.get(path) ?? { status: 500 });
    });
  });
  return {
    port: upstream.port,
    get open() {
      return upstream.open;
    },
    on: (path, form) => void forms.set(path, form),
    close: () => upstream.close(),
  };
}

const lines = (headers: readonly HeaderPair[]): string =>
  headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');

async function writeH1(socket: Socket, form: Form): Promise<void> {
  const write = (text: string): void => void socket.write(Buffer.from(text, 'latin1'));
  if (form.bytes !== undefined) {
    write(form.bytes);
    if (form.framing === 'close') socket.end();
    return;
  }
  for (const [status, headers] of form.interim ?? []) {
    write(`HTTP/1.1 ${status} Wait\r\n${lines(headers)}\r\n`);
  }
  const { status = 200, reason = 'Fine', version = '1.1', headers = [], body = [] } = form;
  const chunked = form.framing === 'chunked';
  let next = `HTTP/${version} ${status} ${reason}\r\n${lines(headers)}`;
  next += `${chunked ? 'Transfer-Encoding: chunked\r\n' : ''}\r\n`;
  for (const piece of body) {
    next += chunked ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece;
    if (form.pauseMilliseconds === undefined) continue;
    write(next);
    next = '';
    await sleep(form.pauseMilliseconds);
  }
  if (chunked) next += `0\r\n${lines(form.trailers ?? [])}\r\n`;
  write(next);
  if (form.framing === 'close') socket.end();
}

async function startH2(name: string): Promise<FormService> {
  const forms = new Map<string, Form>();
  const { certificate, key } = await serverCertificate(name);
  const sockets = new Set<Socket>();
  const server = createSecureServer({
    cert: certificate,
    key,
    allowHTTP1: false,
    strictSingleValueFields: false,
    maxSendHeaderBlockLength: 2 ** 20,
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    void writeH2(stream, forms.get(headers[':path'] ?? '') ?? { status: 500 });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return [...sockets].filter(({ destroyed }) => !destroyed).length;
    },
    on: (path, form) => void forms.set(path, form),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function writeH2(stream: ServerHttp2Stream, form: Form): Promise<void> {
  for (const [status, headers] of form.interim ?? []) {
    stream.additionalHeaders({ ':status': status, ...Object.fromEntries(headers) });
  }
  const { status = 200, headers = [], body = [], trailers = [] } = form;
  const head = [':status', String(status), ...headers.flat()];
  const endStream = body.length === 0 && trailers.length === 0;
  // Not in Node's types: by itself, it would add one.
  const withoutDate: object = { sendDate: false };
  stream.respond(head, { ...withoutDate, endStream, waitForTrailers: trailers.length > 0 });
  stream.once('wantTrailers', () => stream.sendTrailers(Object.fromEntries(trailers)));
  for (const piece of body) {
    stream.write(Buffer.from(piece, 'latin1'));
    if (form.pauseMilliseconds !== undefined) await sleep(form.pauseMilliseconds);
  }
  stream.end();
}
