/** The way to the upstream: resolve, connect, verify, send once, and watch what comes back. */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import Client from 'undici/lib/dispatcher/client.js';
import type { Clock } from '../../core/time/clock.ts';
import type { LentCredential } from '../credential/lent-credential.ts';
import type { LiveSecrets } from '../scan/live-secrets.ts';
import { takeEveryLegalAnswer } from './answer-parser.ts';
import { connect, type TLSIdentity } from './connect.ts';
import { Cutoff, cutError } from './cutoff.ts';
import { ForwardError } from './error.ts';
import { Pools } from './pools.ts';
import { requestHeaders } from './request-headers.ts';
import type { Resolver } from './resolve.ts';
import { roundTrip } from './round-trip.ts';
import { createTrust } from './trust.ts';
import type { UpstreamRequest, UpstreamResponse } from './upstream.ts';

export interface ForwardOptions {
  /** On the clock's monotonic scale; the whole round trip is cut at it. */
  deadline: number;
  /** On the wall clock; what comes first cuts. Absent: the deadline as the clocks stand now. */
  wallDeadline?: number;
  signal: AbortSignal;
  /** Connections are never shared between identities. */
  identity: string;
  /** Called once, right before the first byte of the request is written. */
  onDispatched?(): void;
  /** Called once, when the service has sent the whole of its answer: that is the end of the round trip, whoever reads it when. */
  onAnswered?(status: number): void;
  /** The request is refused before its first byte if the upstream's certificate is valid for one of these names. */
  refuseCertificateNames?: readonly string[];
  /** The API server: trusted by its cluster's CA alone, verified against this name instead of the host. */
  kubernetes?: { ca: string; serverName: string };
}

export interface Forwarder {
  /** Never retries, never follows a redirect. @throws ForwardError */
  forward(request: UpstreamRequest, options: ForwardOptions): Promise<UpstreamResponse>;
  close(): Promise<void>;
}

export interface ForwarderOptions {
  clock: Clock;
  resolver: Resolver;
  /** Every answer is scanned for them. Whoever asks to forward a credential has added it. */
  secrets: LiveSecrets;
  /** PEMs of every CA trusted upstream; absent: the system's. */
  trust?: readonly string[];
  /** Longest wait for TCP and TLS of one connection. */
  connectMilliseconds?: number;
  /** Pools of uncredentialed connections kept at a time. */
  maximumPools?: number;
  /** Connections of one pool. */
  connectionsPerPool?: number;
}

/** Of names and values together. Clients take as much, or more (curl: 300 KB). */
const ANSWER_HEAD_BYTES = 128 * 1024;

/** TCP tries five times in that time: a link that loses packets is no reason to give up (tcp(7), tcp_syn_retries). */
const CONNECT_MILLISECONDS = 30_000;

/** What undici is told alike for connections of one use and for pooled ones. */
const DISPATCHER_OPTIONS = {
  pipelining: 1,
  maxHeaderSize: ANSWER_HEAD_BYTES,
  // Deadlines are ours.
  bodyTimeout: 0,
  headersTimeout: 0,
} as const;

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, resolver, secrets, connectMilliseconds = CONNECT_MILLISECONDS } = options;
  const trust = createTrust(options.trust);
  const pools = new Pools(options.maximumPools ?? 64, options.connectionsPerPool ?? 64);

  const identityOf = (request: UpstreamRequest, how: ForwardOptions): TLSIdentity | null =>
    request.scheme === 'http'
      ? null
      : {
          context: trust(how.kubernetes?.ca),
          name: how.kubernetes?.serverName ?? request.host,
          refusedNames: how.refuseCertificateNames ?? [],
        };

  async function alone(request: UpstreamRequest, credential: LentCredential, how: ForwardOptions) {
    if (request.scheme !== 'https') throw cleartext();
    const origin = originOf(request);
    const cutoff = new Cutoff(clock, how.deadline, how.signal, how.wallDeadline);
    let socket: Socket;
    try {
      socket = await withCutoff(cutoff, async () => {
        const target = await resolver.resolve(request.host, request.port);
        return connect(target, identityOf(request, how), connectMilliseconds, cutoff);
      });
    } catch (error) {
      cutoff.dispose();
      throw error;
    }
    const client = new Client(origin, {
      ...DISPATCHER_OPTIONS,
      h2Options: { pingInterval: 0 },
      connect: once(socket),
    });
    const end = (): void => {
      // Whatever the peer does with its side: nothing more goes out under this credential.
      socket.destroy();
      client.destroy().catch(() => {});
    };
    return roundTrip(client, request, requestHeaders(request, credential.headers()), {
      cutoff,
      credentialed: true,
      secrets,
      onDispatched: how.onDispatched,
      onAnswered: how.onAnswered,
      onEnd: end,
    });
  }

  function pooled(request: UpstreamRequest, how: ForwardOptions) {
    const identity = identityOf(request, how);
    const key = [
      `${request.scheme}://${request.host}:${request.port}`,
      how.identity,
      how.kubernetes?.serverName,
      how.kubernetes?.ca,
      ...(identity?.refusedNames ?? []),
    ].join('\n');
    const { pool, http2 } = pools.get(key, (http2) => ({
      origin: originOf(request),
      options: {
        ...DISPATCHER_OPTIONS,
        connect: (_options, callback) => {
          resolver
            .resolve(request.host, request.port)
            .then((target) => connect(target, identity, connectMilliseconds))
            .then(
              (socket) => {
                if (speaksHTTP2(socket)) {
                  http2.add(socket);
                  socket.once('close', () => http2.delete(socket));
                }
                callback(null, socket);
                takeEveryLegalAnswer(socket);
              },
              (error: Error) => callback(error, null),
            );
        },
      },
    }));
    return roundTrip(pool, request, requestHeaders(request, null), {
      cutoff: new Cutoff(clock, how.deadline, how.signal, how.wallDeadline),
      credentialed: false,
      secrets,
      onDispatched: how.onDispatched,
      onAnswered: how.onAnswered,
      onEnd(failed) {
        // Node writes empty frames without end on an HTTP/2 stream that is given up while its body waits for the peer's
        // window, so the connection goes first. What else is on it belongs to the same grant.
        if (failed) for (const socket of http2) socket.destroy();
      },
    });
  }

  return {
    async forward(request, how) {
      return request.credential === undefined
        ? pooled(request, how)
        : alone(request, request.credential, how);
    },
    close: () => pools.close(),
  };
}

/** The work, or the cut, whichever comes first; the work's late result is not waited for. */
function withCutoff(cutoff: Cutoff, work: () => Promise<Socket>): Promise<Socket> {
  return new Promise((resolve, reject) => {
    cutoff.listen((code) => reject(cutError(code, false)));
    work().then(resolve, reject);
  });
}

function speaksHTTP2(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
}

/** Undici's own reconnecting would send a use again. */
function once(socket: Socket): buildConnector.connector {
  let given = false;
  return (_options, callback) => {
    const isFirst = !given;
    given = true;
    // Undici does not see a connection that is there before the connector returns.
    queueMicrotask(() => {
      if (!isFirst) return callback(new Error('a use has one connection'), null);
      callback(null, socket);
      takeEveryLegalAnswer(socket);
    });
  };
}

/**
 * @throws ForwardError if the URL standard would read the host differently from how it was checked: the Host header is
 * made of this.
 */
function originOf({ scheme, host, port }: UpstreamRequest): string {
  const origin = `${scheme}://${host}:${port}`;
  if (!URL.canParse(origin) || new URL(origin).hostname !== host) {
    throw new ForwardError('UpstreamNameRefused', false, 'The host has more than one reading.');
  }
  return origin;
}

function cleartext(): ForwardError {
  return new ForwardError(
    'UpstreamNameRefused',
    false,
    'A credential is sent over https only, and this call is http.',
  );
}
