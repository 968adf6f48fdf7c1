/** Sends a case as raw bytes to a running proxy, over real TCP and TLS. */

import { once } from 'node:events';
import { connect as connectTCP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTLS } from 'node:tls';
import type { Case } from './corpus.ts';
import { h2Connection, readAnswer as readH2Answer } from './h2-frames.ts';

export interface AttackedProxy {
  port: number;
  /** PEM of the pod CA. */
  ca: string;
}

/** What came back. */
export interface Answer {
  /** The body of the first answer; null if the connection or stream was cut without one. */
  body: unknown;
  /** Answers on the connection: more than one means that a request was found inside another. */
  count: number;
}

/** How a case reaches the sidecar: as a client of its proxy, or on a connection that is redirected to it. */
export type Way = 'proxy' | 'redirected';

const PATIENCE_MILLISECONDS = 5_000;
/** A second answer would follow the first at once. */
const SECOND_ANSWER_MILLISECONDS = 20;

export async function attackProxy(
  proxy: AttackedProxy,
  attack: Case,
  way: Way = 'proxy',
): Promise<Answer> {
  const raw = connectTCP(proxy.port, '127.0.0.1');
  raw.on('error', () => {});
  try {
    await once(raw, 'connect');
    if (attack.connect === null) return await exchange(raw, attack);
    const refusal = way === 'proxy' ? await openTunnel(raw, attack.connect) : null;
    if (refusal !== null) return refusal;
    const tls = connectTLS({
      socket: raw,
      ca: proxy.ca,
      servername: attack.sni === false ? '' : attack.sni,
      // Whether the names agree is the proxy's to judge.
      checkServerIdentity: () => undefined,
      ALPNProtocols: [attack.request.version === 2 ? 'h2' : 'http/1.1'],
    });
    tls.on('error', () => {});
    await Promise.race([once(tls, 'secureConnect'), once(raw, 'close')]);
    return await exchange(tls, attack);
  } finally {
    raw.destroy();
  }
}

/** Null: it is open. */
async function openTunnel(raw: Socket, target: string): Promise<Answer | null> {
  const received = new Received(raw);
  raw.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, 'latin1');
  await received.until((bytes) => bytes.includes('\r\n\r\n'));
  if (/^HTTP\/1\.1 200 /.test(received.bytes.toString('latin1'))) {
    received.stop();
    return null;
  }
  await received.until((bytes) => readH1Answer(bytes) !== null);
  return readH1Answer(received.bytes) ?? { body: null, count: 0 };
}

async function exchange(stream: Socket, { request }: Case): Promise<Answer> {
  const received = new Received(stream);
  stream.write(request.version === 1 ? request.bytes : h2Connection(request));
  await received.until((bytes) => readAnswer(request, bytes) !== null);
  await sleep(SECOND_ANSWER_MILLISECONDS);
  return readAnswer(request, received.bytes) ?? { body: null, count: 0 };
}

/** The answer to a case's request in what was received. Null: not complete yet. */
export function readAnswer({ version }: Case['request'], received: Buffer): Answer | null {
  return version === 1 ? readH1Answer(received) : readH2Answer(received);
}

/** Everything that arrives. */
class Received {
  bytes = Buffer.alloc(0);
  #closed = false;
  readonly #stream: Socket;
  readonly #collect = (chunk: Buffer): void => {
    this.bytes = Buffer.concat([this.bytes, chunk]);
  };

  constructor(stream: Socket) {
    this.#stream = stream;
    this.#closed = stream.destroyed;
    stream.on('data', this.#collect);
    stream.once('close', () => {
      this.#closed = true;
    });
  }

  stop(): void {
    this.#stream.pause();
    this.#stream.off('data', this.#collect);
  }

  /** Until this holds, or nothing more comes. */
  async until(holds: (bytes: Buffer) => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    while (!this.#closed && !holds(this.bytes)) {
      if (performance.now() > deadline) throw new Error('the proxy neither answers nor hangs up');
      await sleep(2);
    }
  }
}

/** Null: not complete yet. */
function readH1Answer(bytes: Buffer): Answer | null {
  const text = bytes.toString('latin1').replace(/^HTTP\/1\.1 1[0-9]{2} .*?\r\n\r\n/s, '');
  const head = /^HTTP\/1\.1 [0-9]{3} .*?\r\n\r\n/s.exec(text)?.[0];
  if (head === undefined) return null;
  const length = Number(/\r\ncontent-length: ([0-9]+)\r\n/i.exec(head)?.[1] ?? Number.NaN);
  const rest = text.slice(head.length);
  // An answer to HEAD has no body, whatever its length; a problem in answer to HEAD cannot be read.
  if (rest.length < length) return null;
  return { body: parse(rest.slice(0, length)), count: text.split(/^HTTP\/1\.1 /m).length - 1 };
}

function parse(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The problem code of an answer, in problem+json or in a Kubernetes Status; null if there is none. */
export function problemCode(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  const { code, details } = body as {
    code?: unknown;
    details?: { causes?: { reason?: string }[] };
  };
  return typeof code === 'string' ? code : (details?.causes?.[0]?.reason ?? null);
}
