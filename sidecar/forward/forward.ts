/** The way to the upstream: resolve, connect, verify, send once, and watch what comes back. */

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import Client from 'undici/lib/dispatcher/client.js';
import type { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import { connect, type TLSIdentity } from './connect.ts';
import { Cutoff, cutError } from './cutoff.ts';
import { ForwardError } from './error.ts';
import { Pools } from './pools.ts';
import type { Resolver } from './resolve.ts';
import { exchange } from './round-trip.ts';
import { TokenPatterns } from './token-scanner.ts';

export type HeaderPair = readonly [name: string, value: string];

export interface UpstreamRequest {
  scheme: 'http' | 'https';
  /** Lower-case name, IPv4 or bracketed IPv6 address. */
  host: string;
  port: number;
  method: string;
  /** Path and query, sent byte for byte. */
  path: string;
  /** Without Host and framing headers, except content-length of a streamed body if it is known. */
  headers: readonly HeaderPair[];
  body: Uint8Array | Readable | null;
  /** Sent as `authorization: Bearer`; the exchange then has a connection of its own and its answer is scanned. */
  credential?: { token: Secret };
}

export interface ForwardOptions {
  /** On the clock's monotonic scale; the whole exchange is cut at it. */
  deadline: number;
  signal: AbortSignal;
  /** Connections are never shared between identities. */
  identity: string;
  /** Called once, right before the first byte of the request is written. */
  onDispatched?(): void;
  /** The exchange is refused before its first byte if the upstream's certificate is valid for one of these names. */
  refuseCertificateNames?: readonly string[];
  /** The API server: trusted by its cluster's CA alone, verified against this name instead of the host. */
  kubernetes?: { ca: string; serverName: string };
}

export interface UpstreamResponse {
  status: number;
  /** End-to-end headers in their order, lower-case names; without session state if a credential was sent. */
  headers: HeaderPair[];
  /** Must be read or destroyed. Errors with ForwardError when it is cut (deadline, token found, connection lost). */
  body: Readable;
}

export interface Forwarder {
  /** Never retries, never follows a redirect. @throws ForwardError */
  forward(request: UpstreamRequest, options: ForwardOptions): Promise<UpstreamResponse>;
  close(): Promise<void>;
}

export interface ForwarderOptions {
  clock: Clock;
  resolver: Resolver;
  /** PEMs of every CA trusted upstream; absent: the system's. */
  trust?: readonly string[];
  /** Longest wait for TCP and TLS of one connection. */
  connectMilliseconds?: number;
  /** Pools of uncredentialed connections kept at a time. */
  maximumPools?: number;
  /** Connections of one pool. */
  connectionsPerPool?: number;
}

/** What undici is told alike for connections of one use and for pooled ones. */
const DISPATCHER_OPTIONS = {
  pipelining: 1,
  maxHeaderSize: 64 * 1024,
  // Deadlines are ours.
  bodyTimeout: 0,
  headersTimeout: 0,
} as const;

/** Headers that undici or the connection sets; whatever the caller says of them would contradict what is sent. */
const SET_HERE: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, resolver, connectMilliseconds = 10_000 } = options;
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

  async function alone(request: UpstreamRequest, token: Secret, how: ForwardOptions) {
    if (request.scheme !== 'https') throw cleartext();
    const origin = originOf(request);
    const cutoff = new Cutoff(clock, how.deadline, how.signal);
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
    return exchange(client, request, headersOf(request, token.reveal()), {
      cutoff,
      token: new TokenPatterns(token.reveal()),
      onDispatched: how.onDispatched,
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
              },
              (error: Error) => callback(error, null),
            );
        },
      },
    }));
    return exchange(pool, request, headersOf(request, null), {
      cutoff: new Cutoff(clock, how.deadline, how.signal),
      token: null,
      onDispatched: how.onDispatched,
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
        : alone(request, request.credential.token, how);
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
      if (isFirst) callback(null, socket);
      else callback(new Error('a use has one connection'), null);
    });
  };
}

function headersOf(request: UpstreamRequest, token: string | null): string[] {
  const headers: string[] = [];
  const streamed = request.body !== null && !(request.body instanceof Uint8Array);
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase();
    if (SET_HERE.has(lower) || (lower === 'content-length' && !streamed)) continue;
    if (token === null) headers.push(name, value);
    else if (lower === 'accept') headers.push(name, withoutCharset(value));
    else if (!NEGOTIATED_HERE.has(lower)) headers.push(name, value);
  }
  if (token !== null) {
    // Only what is not encoded can be checked for the token.
    headers.push('accept-encoding', 'identity', 'authorization', `Bearer ${token}`);
  }
  return headers;
}

/** With a credential: only an answer in plain bytes can be checked for it, so the agent does not choose how it is written. */
const NEGOTIATED_HERE: ReadonlySet<string> = new Set([
  'accept-charset',
  'accept-encoding',
  'authorization',
]);

/** RFC 9110 12.5.1: media types may have the parameter. One that cannot be taken out takes the header with it. */
function withoutCharset(accept: string): string {
  const rest = accept.replace(/\s*;\s*charset\s*=\s*(?:"[^"\\]*"|[^\s,;"]+)/gi, '');
  return /charset/i.test(rest) ? '*/*' : rest;
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

/** Secure contexts by the CAs they trust. Making one parses every CA, so each is made once. */
function createTrust(trust: readonly string[] | undefined): (ca?: string) => SecureContext {
  const make = (ca: readonly string[] | undefined): SecureContext =>
    createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca: [...ca] }) });
  let general: SecureContext | undefined;
  let cluster: { ca: string; context: SecureContext } | undefined;
  return (ca) => {
    if (ca === undefined) {
      general ??= make(trust);
      return general;
    }
    // One cluster, whose CA changes seldom.
    if (cluster?.ca !== ca) cluster = { ca, context: make([ca]) };
    return cluster.context;
  };
}

function cleartext(): ForwardError {
  return new ForwardError(
    'UpstreamNameRefused',
    false,
    'A credential is sent over https only, and this call is http.',
  );
}
