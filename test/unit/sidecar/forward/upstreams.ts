/** Real upstreams on real sockets, and a forwarder that finds them under the names of their certificates. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHTTPSServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTCPServer,
  type Server,
  type Socket,
} from 'node:net';
import type { Readable } from 'node:stream';
import { createServer as createTLSServer, type TLSSocket } from 'node:tls';
import { systemClock } from '../../../../core/time/clock.ts';
import { lentCredential } from '../../../../sidecar/credential/lent-credential.ts';
import {
  createForwarder,
  type Forwarder,
  type ForwarderOptions,
  type ForwardOptions,
} from '../../../../sidecar/forward/forward.ts';
import { createResolver } from '../../../../sidecar/forward/resolve.ts';
import type { UpstreamRequest } from '../../../../sidecar/forward/upstream.ts';
import { LiveSecrets } from '../../../../sidecar/scan/live-secrets.ts';
import { createAuthority, issue, type KeyPairPem } from '../../../support/pki.ts';
import { signedToken } from '../../../support/signed-tokens.ts';

export const HOST = 'edr.example.com';

/** As the API server signs them. */
export const TOKEN = signedToken();
const CREDENTIAL = lentCredential({ token: TOKEN, expirationTime: '2026-11-30T12:00:00Z' });

/** The secrets of a sidecar in which the token is live. */
export function liveToken(): LiveSecrets {
  const secrets = new LiveSecrets();
  secrets.add(CREDENTIAL.secretTexts());
  return secrets;
}

export type Protocol = 'h1' | 'h2';
/** The compatibility API of HTTP/2 serves both. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export interface Upstream {
  readonly port: number;
  /** TCP connections so far. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
  close(): Promise<void>;
}

const authority = createAuthority('upstream test CA');
const otherAuthority = createAuthority('another test CA');

/** PEM of the CA that the upstreams' certificates are from. */
export const upstreamCA = async (): Promise<string> => (await authority).certificate;
export const otherCA = async (): Promise<string> => (await otherAuthority).certificate;

export async function serverCertificate(...dnsNames: string[]): Promise<KeyPairPem> {
  return issue(await authority, { commonName: dnsNames[0] ?? HOST, dnsNames, usage: 'server' });
}

/** An https server that speaks exactly one protocol. */
export async function startUpstream(
  protocol: Protocol,
  handler: Handler,
  names: string[] = [HOST],
): Promise<Upstream> {
  const { certificate, key } = await serverCertificate(...names);
  const server =
    protocol === 'h1'
      ? createHTTPSServer({ cert: certificate, key, keepAlive: true }, handler)
      : createSecureServer({ cert: certificate, key, allowHTTP1: false }, handler as never);
  return listening(server);
}

/** A TLS server whose HTTP is written by hand. */
export async function startRawUpstream(
  onConnection: (socket: TLSSocket) => void,
  names: string[] = [HOST],
): Promise<Upstream> {
  const { certificate, key } = await serverCertificate(...names);
  const server = createTLSServer(
    { cert: certificate, key, ALPNProtocols: ['http/1.1'] },
    (socket) => {
      socket.on('error', () => {});
      onConnection(socket);
    },
  );
  server.on('tlsClientError', () => {});
  return listening(server);
}

/** A TCP server without TLS. */
export async function startTCPUpstream(onConnection: (socket: Socket) => void): Promise<Upstream> {
  return listening(
    createTCPServer((socket) => {
      socket.on('error', () => {});
      onConnection(socket);
      // Who does not read never hears that the other side has gone.
      socket.resume();
    }),
  );
}

async function listening(server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let connections = 0;
  // A TLS server emits 'connection' with the TCP socket below.
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A forwarder for which HOST is the given port on loopback. */
export async function forwarderTo(
  port: number,
  options: Partial<ForwarderOptions> = {},
  host = HOST,
): Promise<Forwarder> {
  return createForwarder({
    clock: systemClock,
    secrets: liveToken(),
    trust: [await upstreamCA()],
    resolver: createResolver({
      connectTo: new Map([
        [`${host}:443`, `127.0.0.1:${port}`],
        [`${host}:80`, `127.0.0.1:${port}`],
      ]),
    }),
    ...options,
  });
}

export function aRequest(changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    scheme: 'https',
    host: HOST,
    port: 443,
    method: 'GET',
    path: '/v1/hosts?limit=1',
    headers: [['accept', 'application/json']],
    body: null,
    ...changes,
  };
}

export const credentialed = (changes: Partial<UpstreamRequest> = {}): UpstreamRequest =>
  aRequest({
    credential: CREDENTIAL,
    ...changes,
  });

export function options(changes: Partial<ForwardOptions> = {}): ForwardOptions {
  return {
    deadline: systemClock.monotonic() + 5_000,
    signal: new AbortController().signal,
    identity: 'grant-1',
    ...changes,
  };
}

export async function read(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/** What arrived before the body ended or failed, and how it failed. */
export async function readUntilError(body: Readable): Promise<{ text: string; error: unknown }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return { text: Buffer.concat(chunks).toString('latin1'), error: undefined };
  } catch (error) {
    return { text: Buffer.concat(chunks).toString('latin1'), error };
  }
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
