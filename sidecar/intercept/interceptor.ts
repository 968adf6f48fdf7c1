/** The sidecar's front end: accepts clients' connections, ends their TLS and yields their calls. */

import { createServer, type Socket } from 'node:net';
import { ProblemError } from '../../api/problem.ts';
import { listen } from '../../process/listen.ts';
import type { CallHandler, InterceptedCall } from './call.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { ClientConnection } from './connection.ts';
import { openTunnel, sniff } from './explicit-proxy.ts';
import type { HeadGuardFactory } from './head-guard.ts';
import { createHTTP1 } from './http1.ts';
import { serveHTTP2 } from './http2.ts';
import { DEFAULT_INTERCEPT_LIMITS, type InterceptLimits } from './limits.ts';
import { refuse, refuseRaw } from './refusal.ts';
import { terminateTLS } from './tls.ts';

/** What happens beside calls, for log and metrics. Nothing of the client's text in it. */
export type InterceptEvent =
  | { type: 'HandlerFailed'; error: unknown }
  | {
      type: 'ConnectionRefused';
      reason: 'TooManyConnections' | 'NotHTTP' | 'Idle' | 'PlainInTunnel';
    }
  | { type: 'TLSFailed'; code: string }
  | { type: 'ParseFailed'; code: string };

export interface InterceptorOptions {
  listen: { host: string; port: number };
  authority: CertificateAuthority;
  limits?: Partial<InterceptLimits>;
  headGuard?: HeadGuardFactory;
  report(event: InterceptEvent): void;
}

export interface Interceptor {
  readonly address: { host: string; port: number };
  /** Stops listening, lets calls in flight end for so long, then cuts them. */
  close(graceMilliseconds?: number): Promise<void>;
}

export async function startInterceptor(
  options: InterceptorOptions,
  handle: CallHandler,
): Promise<Interceptor> {
  const { authority, headGuard, report } = options;
  const limits = { ...DEFAULT_INTERCEPT_LIMITS, ...options.limits };
  const connections = new Set<ClientConnection>();

  let calls = 0;

  const serve = async (call: InterceptedCall): Promise<void> => {
    calls += 1;
    try {
      if (calls > limits.calls) throw tooManyCalls();
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

  const http1 = createHTTP1({ limits, headGuard, serve, onConnect, report });

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
        if (tls.alpnProtocol === 'h2') serveHTTP2(tls, connection, { limits, serve });
        else http1.accept(tls, connection);
      },
      (code) => report({ type: 'TLSFailed', code }),
    );
  }

  function accept(raw: Socket): void {
    if (connections.size >= limits.connections) {
      report({ type: 'ConnectionRefused', reason: 'TooManyConnections' });
      raw.destroy();
      return;
    }
    const connection = new ClientConnection(raw, limits, () =>
      report({ type: 'ConnectionRefused', reason: 'Idle' }),
    );
    connections.add(connection);
    raw.once('close', () => connections.delete(connection));
    sniff(raw, (kind) => {
      if (kind === 'http') return http1.accept(raw, connection);
      // TLS here would be for a destination that an explicit proxy is never told.
      if (kind !== 'none') report({ type: 'ConnectionRefused', reason: 'NotHTTP' });
      raw.destroy();
    });
  }

  const server = createServer({ noDelay: true }, accept);
  const { address: host, port } = await listen(server, options.listen);

  return {
    address: { host, port },
    async close(graceMilliseconds = 0) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
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
