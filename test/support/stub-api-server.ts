import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import {
  createKubernetesClient,
  type KubernetesClientOptions,
} from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import { createAuthority, issue, type KeyPairPem } from './pki.ts';

export interface StubRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
  socket: TLSSocket;
}

/** Answers one request, or breaks the connection. */
export type StubHandler = (request: StubRequest, response: ServerResponse) => void;

let identity: Promise<{ pair: KeyPairPem; ca: string }> | undefined;

async function makeIdentity(): Promise<{ pair: KeyPairPem; ca: string }> {
  const authority = await createAuthority('stub');
  const pair = await issue(authority, {
    commonName: 'kube-apiserver',
    ipAddresses: ['127.0.0.1'],
    usage: 'server',
  });
  return { pair, ca: authority.certificate };
}

/** A real HTTPS server that does what a test says, and clients of it as if they ran in a pod. */
export class StubApiServer implements AsyncDisposable {
  readonly requests: StubRequest[] = [];
  /** TLS connections made so far. */
  connections = 0;
  /** What the next requests meet. */
  handler: StubHandler = (_request, response) => answer(response, 404, status(404, 'NotFound'));
  readonly directory = mkdtempSync(join(tmpdir(), 'actiongrant-stub-'));
  readonly #server;
  readonly #clients: { close(): Promise<void> }[] = [];

  private constructor(pair: KeyPairPem, ca: string) {
    this.writeToken('token-1');
    this.writeCa(ca);
    this.#server = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        const url = new URL(request.url ?? '', 'https://stub');
        const seen: StubRequest = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body,
          socket: request.socket as TLSSocket,
        };
        this.requests.push(seen);
        this.handler(seen, response);
      });
    });
    this.#server.on('secureConnection', () => {
      this.connections++;
    });
  }

  static async start(): Promise<StubApiServer> {
    identity ??= makeIdentity();
    const { pair, ca } = await identity;
    const stub = new StubApiServer(pair, ca);
    await new Promise<void>((resolve) => stub.#server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  writeToken(token: string): void {
    writeFileSync(join(this.directory, 'token'), `${token}\n`);
  }

  writeCa(pem: string): void {
    writeFileSync(join(this.directory, 'ca.crt'), pem);
  }

  async client(options: Partial<KubernetesClientOptions> = {}) {
    const client = await createKubernetesClient({
      server: { type: 'InCluster', host: '127.0.0.1', port: this.port, directory: this.directory },
      userAgent: 'actiongrant-test/0',
      requestTimeoutMilliseconds: 5_000,
      clock: systemClock,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await Promise.all(this.#clients.map((client) => client.close()));
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.directory, { recursive: true });
  }
}

export function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function status(code: number, reason: string, message = `it is ${reason}`): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
}
