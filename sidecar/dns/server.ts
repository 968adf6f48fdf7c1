/** The sidecar's DNS server: UDP and TCP, for everybody in the pod, whom the packet filter leads here whatever server they asked. */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Clock } from '../../core/time/clock.ts';
import { listen as listenOn } from '../../process/listen.ts';
import { type AddressFamilies, answerQuestion } from './answer.ts';
import { encodeAnswer, MAX_QUERY_BYTES, RCODE, type Rcode, readQuery } from './message.ts';
import type { SyntheticAddresses } from './synthetic-addresses.ts';

export const DNS_RESULTS = [
  /** An address, or the name of one. */
  'Answered',
  'NoData',
  'NameError',
  'Refused',
  /** No question, or none that can be read in one way only. */
  'Malformed',
  /** More than the sidecar has time, or the kernel room, for; not answered. */
  'Dropped',
] as const;
export type DNSResult = (typeof DNS_RESULTS)[number];

export type DNSEvent =
  | { readonly type: 'Question'; readonly result: DNSResult }
  /** A socket failed; the others go on. */
  | { readonly type: 'Failed'; readonly error: unknown };

export interface DNSServerOptions {
  /** Addresses, each for UDP and TCP. Loopback: an answer from another address than was asked is not taken. */
  listen: readonly { host: string; port: number }[];
  addresses: SyntheticAddresses;
  families: AddressFamilies;
  clock: Clock;
  /** Hears of each question: it must be quick, and not throw. */
  onEvent(event: DNSEvent): void;
}

export interface DNSServer {
  /** Where it listens, in the order of `listen`; UDP and TCP have the same port. */
  readonly addresses: readonly AddressInfo[];
  close(): Promise<void>;
}

/** Far above what a pod asks; below what would keep the sidecar from its calls. */
const QUESTIONS_PER_SECOND = 1000;
const BURST = 2000;
const MAX_CONNECTIONS = 64;
const CONNECTION_IDLE_MILLISECONDS = 5_000;
const CONNECTION_MILLISECONDS = 60_000;
/** Answers that a client does not read. */
const MAX_UNREAD_BYTES = 64 * 1024;
const LENGTH_BYTES = 2;

/** @throws Error if an address cannot be listened on; none is then */
export async function startDNSServer(options: DNSServerOptions): Promise<DNSServer> {
  const respond = createResponder(options);
  const closers: (() => Promise<void>)[] = [];
  const bound: AddressInfo[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((closer) => closer()));
  };
  try {
    for (const { host, port } of options.listen) {
      const tcp = createTCPServer(options, respond);
      const address = await listenOn(tcp.server, { host, port });
      closers.push(tcp.close);
      tcp.server.on('error', (error) => options.onEvent({ type: 'Failed', error }));
      closers.push(await startUDP({ host, port: address.port }, options, respond));
      bound.push(address);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: bound, close };
}

type Respond = (message: Buffer, transport: 'udp' | 'tcp') => Buffer | null;

const RESULTS: Readonly<Record<Rcode, DNSResult>> = {
  [RCODE.noError]: 'NoData',
  [RCODE.nameError]: 'NameError',
  [RCODE.refused]: 'Refused',
  [RCODE.formatError]: 'Malformed',
  [RCODE.notImplemented]: 'Malformed',
};

function createResponder(options: DNSServerOptions): Respond {
  const { addresses, families, clock, onEvent } = options;
  const admit = createRateLimit(clock);
  return (message, transport) => {
    const observe = (result: DNSResult): void => onEvent({ type: 'Question', result });
    if (!admit()) {
      observe('Dropped');
      return null;
    }
    const read = readQuery(message);
    if (!('query' in read)) {
      observe('Malformed');
      return read.answer;
    }
    const { rcode, answers } = answerQuestion(read.query.question, addresses, families);
    observe(answers.length > 0 ? 'Answered' : RESULTS[rcode]);
    return encodeAnswer(read.query, rcode, answers, transport);
  };
}

/** A token bucket. */
function createRateLimit(clock: Clock): () => boolean {
  let tokens = BURST;
  let refilled = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    tokens = Math.min(BURST, tokens + ((now - refilled) / 1000) * QUESTIONS_PER_SECOND);
    refilled = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

async function startUDP(
  { host, port }: { host: string; port: number },
  { onEvent }: DNSServerOptions,
  respond: Respond,
): Promise<() => Promise<void>> {
  const socket: DatagramSocket = createSocket(
    isIPv6(host) ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' },
  );
  socket.on('message', (message, from) => {
    // The kernel takes no more for now: the client asks again.
    if (socket.getSendQueueSize() > MAX_UNREAD_BYTES) {
      onEvent({ type: 'Question', result: 'Dropped' });
      return;
    }
    const answer = respond(message, 'udp');
    if (answer === null || from.port === 0) return;
    // What cannot be delivered is the client's own doing, such as a source address that the packet filter stops.
    socket.send(answer, from.port, from.address, () => {});
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address: host, port, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.on('error', (error) => onEvent({ type: 'Failed', error }));
  return async () => {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
}

function createTCPServer(
  { clock }: DNSServerOptions,
  respond: Respond,
): { server: Server; close: () => Promise<void> } {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const lifetime = clock.after(CONNECTION_MILLISECONDS, () => socket.destroy());
    socket.setTimeout(CONNECTION_IDLE_MILLISECONDS, () => socket.destroy());
    // Clients that reset a connection are nobody's concern.
    socket.on('error', () => {});
    socket.on('close', () => {
      lifetime.cancel();
      sockets.delete(socket);
    });
    serveConnection(socket, respond);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { server, close };
}

/** RFC 1035 4.2.2: each message after its length. What is no question of ours in time ends the connection. */
function serveConnection(socket: Socket, respond: Respond): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (data) => {
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    while (pending.length >= LENGTH_BYTES) {
      const length = pending.readUInt16BE(0);
      if (length > MAX_QUERY_BYTES) {
        socket.destroy();
        return;
      }
      const end = LENGTH_BYTES + length;
      if (pending.length < end) return;
      const answer = respond(pending.subarray(LENGTH_BYTES, end), 'tcp');
      pending = pending.subarray(end);
      if (answer === null || socket.writableLength > MAX_UNREAD_BYTES) {
        socket.destroy();
        return;
      }
      const prefix = Buffer.alloc(LENGTH_BYTES);
      prefix.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([prefix, answer]));
    }
  });
}
