/** The connections to one API server, and whose credentials they carry: both are renewed when what they come from changes. */

import { isDeepStrictEqual } from 'node:util';
import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { Clock } from '../time/clock.ts';
import type { ReadServerAccess, ServerAccess } from './server.ts';
import { failureText, TransportError } from './transport.ts';

/** Connections with the credentials that hold on them. */
export interface Connected {
  access: ServerAccess;
  calls: Dispatcher;
  /** Watches have connections of their own: each holds one for minutes. */
  streams: Dispatcher;
}

export interface Connections {
  /** What holds now, if no credential has to be read for it. */
  fresh(): Connected | undefined;
  /** What holds now, read first if need be. @throws TransportError with nothing sent */
  current(): Promise<Connected>;
  /** The server refused the credentials: `current` reads them again. */
  distrust(): void;
  /** Waits for calls in flight and cuts streams. */
  close(): Promise<void>;
}

export interface ConnectionsOptions {
  readAccess: ReadServerAccess;
  clock: Clock;
  /** For everything but watches, at most. */
  connections: number;
}

/** As client-go: a token file is read again after a minute (the kubelet rotates far earlier). */
const ACCESS_LIFETIME_MILLISECONDS = 60_000;
/** A refused credential is read again at once, but no more often than this. */
const ACCESS_RETRY_MILLISECONDS = 1_000;
/** kube-apiserver closes idle connections after 90 s: the client does it first, so that no request meets a closed one. */
const IDLE_MILLISECONDS = 60_000;
/** TCP keep-alive finds a connection that a NAT or a dead node dropped silently. */
const KEEP_ALIVE_PROBE_MILLISECONDS = 15_000;
const CONNECT_TIMEOUT_MILLISECONDS = 5_000;

export function createConnections({
  readAccess,
  clock,
  connections,
}: ConnectionsOptions): Connections {
  let connected: Connected | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let staleAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Connected> | undefined;
  let distrusted = false;
  let closed = false;
  /** Those of earlier credentials: they finish what they began. */
  const retired = new Set<Connected>();

  const retire = (old: Connected): void => {
    retired.add(old);
    const ended = Promise.allSettled([old.calls.close(), old.streams.close()]);
    void ended.then(() => retired.delete(old));
  };

  const connect = (access: ServerAccess): Connected => {
    if (connected && sameConnections(connected.access, access)) return { ...connected, access };
    if (connected) retire(connected);
    return { access, calls: pool(access, connections), streams: pool(access, null) };
  };

  const read = (): Promise<Connected> => {
    readAt = clock.monotonic();
    reading ??= readAccess()
      .then((access) => {
        connected = connect(access);
        distrusted = false;
        staleAt = clock.monotonic() + ACCESS_LIFETIME_MILLISECONDS;
        return connected;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };

  return {
    fresh: () => (!closed && !distrusted && clock.monotonic() < staleAt ? connected : undefined),
    async current() {
      if (closed) throw new TransportError('the client is closed', { sent: false });
      const now = clock.monotonic();
      const mayRead = now - readAt >= ACCESS_RETRY_MILLISECONDS;
      if (connected && !(distrusted && mayRead)) {
        // What holds now is used while it is read again: a slow disk must not hold up a call.
        if (now >= staleAt && mayRead) void read().catch(() => undefined);
        return connected;
      }
      try {
        return await read();
      } catch (error) {
        if (connected) return connected;
        const text = `no access to the API server: ${failureText(error)}`;
        throw new TransportError(text, { sent: false });
      }
    },
    distrust() {
      distrusted = true;
    },
    async close() {
      closed = true;
      const all = connected ? [connected, ...retired] : [...retired];
      await Promise.allSettled(all.flatMap((each) => [each.calls.close(), each.streams.destroy()]));
    },
  };
}

/** HTTP/1.1 without pipelining: a connection carries one request at a time, so its loss says something about that one alone. */
function pool(access: ServerAccess, connections: number | null): Dispatcher {
  const tls = {
    ...access.tls,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MILLISECONDS,
  };
  const limits = {
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: IDLE_MILLISECONDS,
    keepAliveMaxTimeout: IDLE_MILLISECONDS,
  };
  if (access.proxyUrl !== undefined) {
    return new ProxyAgent({ uri: access.proxyUrl, requestTls: tls, ...limits });
  }
  return new Pool(access.origin, {
    ...limits,
    connect: { ...tls, timeout: CONNECT_TIMEOUT_MILLISECONDS },
  });
}

/** Whether the connections of one can go on serving the other. */
function sameConnections(a: ServerAccess, b: ServerAccess): boolean {
  return a.origin === b.origin && a.proxyUrl === b.proxyUrl && isDeepStrictEqual(a.tls, b.tls);
}
