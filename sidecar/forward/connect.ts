/** A fresh connection to an upstream, verified, before any byte of a request. */

import type { Socket } from 'node:net';
import {
  checkServerIdentity,
  connect as connectTLS,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { ProblemCode } from '../../core/api/problem.ts';
import { withoutBrackets } from '../../core/text/url.ts';
import { type Cutoff, cutError } from './cutoff.ts';
import { ForwardError } from './error.ts';
import { raceTo } from './race.ts';
import type { Target } from './resolve.ts';

export interface TLSIdentity {
  context: SecureContext;
  /** The name or address that the certificate must be valid for. */
  name: string;
  /** The connection is refused if the certificate is valid for one of these as well. */
  refusedNames: readonly string[];
}

/**
 * Connects to the first of the checked addresses that answers and, for https, completes the handshake and every check of the certificate.
 * It asks for HTTP/1.1, with which Node forwards twice as many calls a second, and for HTTP/2 where the host speaks nothing
 * else: its refusal comes within the handshake, before any byte of a request.
 * @throws ForwardError, never dispatched
 */
export async function connect(
  target: Target,
  identity: TLSIdentity | null,
  milliseconds: number,
  cutoff?: Cutoff,
): Promise<Socket> {
  try {
    return await attempt(target, identity, 'http/1.1', milliseconds, cutoff);
  } catch (error) {
    if (!(error instanceof ForwardError) || !wantsAnotherProtocol(error.cause)) throw error;
    return await attempt(target, identity, 'h2', milliseconds, cutoff);
  }
}

/** RFC 7301 3.2: the alert of a server that speaks none of the protocols it was offered. */
function wantsAnotherProtocol(cause: unknown): boolean {
  return (
    cause instanceof Error &&
    'code' in cause &&
    cause.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'
  );
}

function attempt(
  target: Target,
  identity: TLSIdentity | null,
  protocol: 'http/1.1' | 'h2',
  milliseconds: number,
  cutoff: Cutoff | undefined,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const race = raceTo(target);
    let socket: Socket | undefined;
    let failed = false;
    const timer = setTimeout(
      () => fail(new ForwardError('UpstreamUnreachable', false, 'Connecting took too long.')),
      milliseconds,
    );
    const fail = (error: ForwardError): void => {
      failed = true;
      clearTimeout(timer);
      race.abandon();
      // Errors can follow the first one, and nobody else listens.
      socket?.on('error', () => {}).destroy();
      reject(error);
    };
    const done = (connected: Socket): void => {
      clearTimeout(timer);
      resolve(connected);
    };
    const secure = (connected: Socket, who: TLSIdentity): void => {
      const tls = connectTLS({ socket: connected, ...tlsOptions(who, protocol) });
      socket = tls;
      const onError = (error: Error): void => fail(connectError(error, true));
      tls.on('error', onError);
      // TLS has its handle, and so its errors; if one came here all the same, nobody else would listen.
      connected.on('error', (error) => tls.destroy(error));
      tls.once('secureConnect', () => {
        tls.off('error', onError);
        const refused = refusedName(tls, who);
        if (refused === null) done(tls);
        else fail(otherName(refused));
      });
    };
    race.winner.then(
      (connected) => {
        socket = connected;
        // Cut in the turn in which it won.
        if (failed) connected.destroy();
        else if (identity === null) done(connected);
        else secure(connected, identity);
      },
      (error: Error) => fail(connectError(error, false)),
    );
    cutoff?.listen((code) => fail(cutError(code, false)));
  });
}

function tlsOptions({ context, name }: TLSIdentity, protocol: string) {
  const bare = withoutBrackets(name);
  return {
    secureContext: context,
    // RFC 6066 3: an address is no server name.
    servername: bare === name && !/^[0-9.]+$/.test(name) ? name : '',
    ALPNProtocols: [protocol],
    rejectUnauthorized: true,
    // Always against the name that was asked for, whatever address or server name the connection used.
    checkServerIdentity: (_host: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(bare, certificate),
  };
}

function refusedName(socket: TLSSocket, identity: TLSIdentity): string | null {
  if (identity.refusedNames.length === 0) return null;
  const certificate = socket.getPeerX509Certificate();
  return (
    identity.refusedNames.find(
      (name) => certificate?.checkHost(name, { subject: 'always' }) !== undefined,
    ) ?? null
  );
}

function otherName(name: string): ForwardError {
  return new ForwardError(
    'UpstreamNameRefused',
    false,
    `The host's certificate is also valid for ${name}: call it under that name.`,
  );
}

function connectError(error: NodeJS.ErrnoException, reached: boolean): ForwardError {
  const { code, detail } = classify(error, reached);
  return new ForwardError(code, false, detail, { cause: error });
}

function classify(
  error: NodeJS.ErrnoException,
  reached: boolean,
): { code: ProblemCode; detail: string } {
  const code = error.code ?? '';
  if (reached && (code === 'EPROTO' || code.startsWith('ERR_SSL_'))) {
    return { code: 'UpstreamProtocolError', detail: 'The TLS handshake with the host failed.' };
  }
  // Failures of the network name a system call; those of the verification do not.
  if (!reached || error.syscall !== undefined || code === 'ECONNRESET') {
    return { code: 'UpstreamUnreachable', detail: `No connection to the host (${code}).` };
  }
  return {
    code: 'UpstreamCertificateRefused',
    detail: `The host's certificate is not acceptable (${code}).`,
  };
}
