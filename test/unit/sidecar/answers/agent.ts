/** Clients of a sidecar that keep what they get as it came. */

import { once } from 'node:events';
import { connect as connectHTTP2 } from 'node:http2';
import type { Readable } from 'node:stream';
import type { HeaderPair } from '../../../../core/text/header-pair.ts';
import { openTLS, type ProxyAddress, RawClient } from '../intercept/clients.ts';

export interface Received {
  /** Statuses of the answers before the answer. */
  readonly interim: readonly number[];
  readonly status: number;
  /** In their order, names in lower case, without what only frames the message. */
  readonly headers: readonly HeaderPair[];
  /** Latin-1. */
  readonly body: string;
  readonly trailers: readonly string[];
}

/** One connection, on which one call follows another. */
export interface Client {
  call(method: string, path: string): Promise<Received>;
  close(): void;
}

const FRAMING = new Set(['connection', 'keep-alive', 'transfer-encoding']);

export async function openClient(
  protocol: 'h1' | 'h2',
  sidecar: ProxyAddress,
  host: string,
): Promise<Client> {
  const socket = await openTLS(sidecar, {
    tunnelTo: `${host}:443`,
    servername: host,
    ALPNProtocols: [protocol === 'h1' ? 'http/1.1' : 'h2'],
  });
  if (protocol === 'h1') {
    const raw = new RawClient(socket);
    return {
      call(method, path) {
        raw.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        return readAnswer(raw, method, []);
      },
      close: () => socket.destroy(),
    };
  }
  const session = connectHTTP2(`https://${host}`, {
    createConnection: () => socket,
    maxHeaderListPairs: 10_000,
    settings: { maxHeaderListSize: 2 ** 20 },
  });
  session.on('error', () => {});
  return {
    async call(method, path) {
      const stream = session.request({ ':method': method, ':path': path, ':authority': host });
      const interim: number[] = [];
      stream.on('headers', (headers) => interim.push(Number(headers[':status'])));
      const trailers: string[] = [];
      stream.on('trailers', (headers) => trailers.push(...Object.keys(headers)));
      const [head, , raw] = (await once(stream, 'response')) as [
        Record<string, string>,
        number,
        string[],
      ];
      const body = await latin1(stream);
      return { interim, status: Number(head[':status']), headers: pairs(raw), body, trailers };
    },
    close: () => session.destroy(),
  };
}

/** RFC 9112 6.3, as a client reads it. @throws Error if the connection ends within the answer */
async function readAnswer(
  raw: RawClient,
  method: string,
  interim: readonly number[],
): Promise<Received> {
  const [head = ''] = await taken(raw, /^.*?\r\n\r\n/s);
  const [first = '', ...lines] = head.trimEnd().split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  if (status < 200) return readAnswer(raw, method, [...interim, status]);
  const flat = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const value = (name: string): string | undefined =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const answer = { interim, status, headers: pairs(flat), trailers: [] };
  if (method === 'HEAD' || status === 204 || status === 304) return { ...answer, body: '' };
  if (value('transfer-encoding') !== 'chunked') {
    const [body = ''] = await taken(raw, new RegExp(`^.{${value('content-length')}}`, 's'));
    return { ...answer, body };
  }
  let body = '';
  for (;;) {
    const [, size = ''] = await taken(raw, /^([0-9a-f]+)\r\n/);
    const [, chunk = ''] = await taken(
      raw,
      new RegExp(`^(.{${Number.parseInt(size, 16)}})\\r\\n`, 's'),
    );
    if (chunk === '') return { ...answer, body };
    body += chunk;
  }
}

/** What matches at the start of what was received, which is then gone. */
async function taken(raw: RawClient, pattern: RegExp): Promise<RegExpExecArray> {
  const match = pattern.exec(await raw.until(pattern)) as RegExpExecArray;
  raw.received = raw.received.slice(match[0].length);
  return match;
}

/** @throws Error if the body is cut */
async function latin1(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

function pairs(raw: readonly string[]): HeaderPair[] {
  const result: HeaderPair[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    if (!name.startsWith(':') && !FRAMING.has(name)) result.push([name, raw[i + 1] ?? '']);
  }
  return result;
}
