/** The sidecar's front end: accepts clients' connections, ends their TLS and yields their calls. */

import { createServer, type Server, type Socket } from 'node:net';
import { ProblemError } from '../../core/api/problem.ts';
import { listen } from '../../process/listen.ts';
import type { CertificateAuthority } from '../certificates/certificate-authority.ts';
import type { Destination } from '../describe/request-head.ts';
import type { CallHandler, InterceptedCall } from './call.ts';
import { ClientConnection } from './connection.ts';
import { openTunnel } from './explicit-proxy.ts';
import { type FirstBytes, sniff } from './first-bytes.ts';
import { HeadBudget } from './head-budget.ts';
import { createHTTP1 } from './http1.ts';
import { serveHTTP2 } from './http2.ts';
import { DEFAULT_INTERCEPT_LIMITS, type InterceptLimits } from './limits.ts';
import type { OriginalDestination } from './original-destination.ts';
import { protocolHint } from './protocol-hint.ts';
import { refuse, refuseRaw } from './refusal.ts';
import { terminateTLS } from './tls.ts';
import { destinationOf, refuseHTTP2, type SyntheticNames } from './transparent.ts';

/** What happens beside calls, for log, metrics and reports. Nothing of the client's text in it but the destination. */
export type InterceptEvent =
  | { type: 'HandlerFailed'; error: unknown }
  | {
      type: 'ConnectionRefused';
      reason:
        | 'TooManyConnections'
        | 'TooManyHeads'
        | 'NotHTTP'
        | 'Idle'
        | 'PlainInTunnel'
        | 'NotRedirected';
    }
  /** A redirected connection speaks what is none of ours. */
  | { type: 'ProtocolRefused'; protocol: string; destination: Destination }
  | { type: 'TLSFailed'; code: string; destination?: Destination }
  | { type: 'ParseFailed'; code: string; destination?: Destination };

interface ListenAddress {
  host: string;
  port: number;
}

/** The front end for connections that the packet filter redirects. */
export interface TransparentOptions {
  listen: readonly ListenAddress[];
  names: SyntheticNames;
  originalDestination: OriginalDestination;
}

export interface InterceptorOptions {
  /** The front end for clients that know of the proxy. */
  listen: ListenAddress;
  transparent?: TransparentOptions;
  authority: CertificateAuthority;
  limits?: Partial<InterceptLimits>;
  report(event: InterceptEvent): void;
}

export interface Interceptor {
  readonly address: ListenAddress;
  /** Stops listening, lets calls in flight end for so long, then cuts them. */
  close(graceMilliseconds?: number): Promise<void>;
}

export async function startInterceptor(
  options: InterceptorOptions,
  handle: CallHandler,
): Promise<Interceptor> {
  const { authority, report } = options;
  const limits = { ...DEFAULT_INTERCEPT_LIMITS, ...options.limits };
  const connections = new Set<ClientConnection>();

  const heads = new HeadBudget(limits.headsBytes);
  let calls = 0;
  const full = (): boolean => calls >= limits.calls;

  const serve = async (call: InterceptedCall, problem?: ProblemError): Promise<void> => {
    const excessive = full();
    calls += 1;
    try {
      if (excessive) throw tooManyCalls();
      if (problem !== undefined) throw problem;
      await handle(call);
      if (!call.respond.finished && !call.signal.aborted) {
        throw new Error('the handler returned without an answer');
      }
    } catch (error) {
      if (call.signal.aborted) return call.respond.abort();
      if (!(error instanceof ProblemError)) report({ type: 'HandlerFailed', error });
      await refuse(call.respond, error).catch((cause: unknown) => {
        report({ type: 'HandlerFailed', error: cause });
        call.respond.abort();
      });
    } finally {
      calls -= 1;
    }
  };

  const http1 = createHTTP1({ limits, heads, serve, onConnect, report });
  const http2 = { limits, heads, full, serve, report };

  function onConnect(connection: ClientConnection, target: string, rest: Buffer): void {
    const host = openTunnel(connection, target, rest);
    if (host === null) return;
    sniff(connection.raw, (kind) => {
      if (kind === 'tls') secure(connection, host);
      else if (kind === 'none') connection.raw.destroy();
      else {
        report({ type: 'ConnectionRefused', reason: 'PlainInTunnel' });
        refuseRaw(connection.raw, plainInTunnel());
      }
    });
  }

  function secure(connection: ClientConnection, host: string): void {
    terminateTLS(
      connection.raw,
      authority,
      host,
      (tls, sni) => {
        connection.sni = sni;
        if (tls.alpnProtocol === 'h2') serveHTTP2(tls, connection, http2);
        else http1.accept(tls, connection);
      },
      (code) => {
        const { destination } = connection;
        report({ type: 'TLSFailed', code, ...(destination === undefined ? {} : { destination }) });
      },
    );
  }

  /** Null: closed, for there are as many as there may be, by whichever way they came. */
  function admit(raw: Socket): ClientConnection | null {
    if (connections.size >= limits.connections) {
      report({ type: 'ConnectionRefused', reason: 'TooManyConnections' });
      raw.destroy();
      return null;
    }
    const connection = new ClientConnection(raw, limits, () =>
      report({ type: 'ConnectionRefused', reason: 'Idle' }),
    );
    connections.add(connection);
    raw.once('close', () => connections.delete(connection));
    return connection;
  }

  function accept(raw: Socket): void {
    const connection = admit(raw);
    if (connection === null) return;
    sniff(raw, (kind) => {
      // HTTP/2 without TLS: the parser says what is wrong with it.
      if (kind === 'http' || kind === 'http2') return http1.accept(raw, connection);
      // TLS here would be for a destination that an explicit proxy is never told.
      if (kind !== 'none') report({ type: 'ConnectionRefused', reason: 'NotHTTP' });
      raw.destroy();
    });
  }

  function acceptRedirected(raw: Socket, { originalDestination, names }: TransparentOptions): void {
    const connection = admit(raw);
    if (connection === null) return;
    const destination = destinationOf(raw, originalDestination, names);
    if (destination === null) {
      report({ type: 'ConnectionRefused', reason: 'NotRedirected' });
      raw.destroy();
      return;
    }
    connection.destination = destination;
    const turnAway = (bytes: Buffer): void => {
      const protocol = protocolHint(bytes, destination.port);
      report({ type: 'ProtocolRefused', protocol, destination });
      raw.destroy();
    };
    const silence = setTimeout(() => turnAway(Buffer.alloc(0)), limits.silenceMilliseconds).unref();
    raw.once('close', () => clearTimeout(silence));
    sniff(raw, (kind, bytes) => {
      clearTimeout(silence);
      serveRedirected[kind](connection, destination, () => turnAway(bytes));
    });
  }

  const serveRedirected: Record<
    FirstBytes,
    (connection: ClientConnection, destination: Destination, turnAway: () => void) => void
  > = {
    tls: (connection, destination) =>
      secure(connection, 'name' in destination ? destination.name : destination.address),
    http: (connection) => http1.accept(connection.raw, connection),
    http2(connection, destination) {
      report({ type: 'ProtocolRefused', protocol: 'HTTP/2 without TLS', destination });
      refuseHTTP2(connection.raw);
    },
    none: (connection) => connection.raw.destroy(),
    other: (_connection, _destination, turnAway) => turnAway(),
  };

  const servers: Server[] = [];
  const start = (address: ListenAddress, onConnection: (raw: Socket) => void) => {
    const server = createServer({ noDelay: true }, onConnection);
    servers.push(server);
    return listen(server, address);
  };
  const startAll = async ({ transparent }: InterceptorOptions) => {
    const explicit = await start(options.listen, accept);
    if (transparent !== undefined) {
      for (const address of transparent.listen) {
        await start(address, (raw) => acceptRedirected(raw, transparent));
      }
    }
    return explicit;
  };
  const { address: host, port } = await startAll(options).catch((error: unknown) => {
    for (const server of servers) server.close();
    throw error;
  });

  return {
    address: { host, port },
    async close(graceMilliseconds = 0) {
      const closed = Promise.all(
        servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
      );
      for (const connection of connections) connection.closeWhenIdle();
      const cut = setTimeout(() => {
        for (const connection of connections) connection.raw.destroy();
      }, graceMilliseconds);
      await closed;
      clearTimeout(cut);
    },
  };
}

function tooManyCalls(): ProblemError {
  return new ProblemError(
    'TooManyRequests',
    'Too many calls of this pod are under way. Try again.',
  );
}

function plainInTunnel(): ProblemError {
  return new ProblemError(
    'ProtocolRefused',
    'Only TLS is accepted inside a CONNECT tunnel; send plain HTTP to the proxy in absolute form.',
  );
}
