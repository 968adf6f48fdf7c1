/** A real HTTPS server that stands where the controller's exchange would, and does what a test says. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Action } from '../../../core/action/action.ts';
import {
  PROBLEM_CONTENT_TYPE,
  type ProblemCode,
  ProblemError,
  toProblemDocument,
} from '../../../core/api/problem.ts';
import type { Clock } from '../../../core/time/clock.ts';
import type { FinishRequest } from '../../../core/wire/finish.ts';
import type { RefusalReport } from '../../../core/wire/refusals.ts';
import type { UseAnswer, UseRequest } from '../../../core/wire/use.ts';
import { createExchangeClient, type ExchangeClient } from '../../../sidecar/exchange/client.ts';
import { createAuthority, issue, type KeyPairPem } from '../../support/pki.ts';

export const ACTION: Action = {
  type: 'HTTP',
  method: 'POST',
  url: 'https://edr.example.com/v1/hosts/host-7/quarantine',
  headers: {},
  body: { kind: 'none' },
};
export const GRANT = { namespace: 'soc', name: 'quarantine-1', uid: 'grant-1' };

/** A message that arrived whole. */
type Message = { path: string; authorization: string | undefined } & (
  | { type: 'use'; body: UseRequest }
  | { type: 'finish'; nonce: string; body: FinishRequest }
  | { type: 'refusals'; body: RefusalReport }
  | { type: 'discovery'; query: string }
);

/** Answers one message, or breaks the connection. */
export type Script = (response: ServerResponse, message: Message) => void;

export const granted =
  (overrides: { [K in keyof UseAnswer]?: UseAnswer[K] | undefined } = {}): Script =>
  (response, message) => {
    const nonce = message.type === 'use' ? message.body.nonce : '';
    json(response, 201, {
      nonce,
      grant: GRANT,
      bodyForm: 'None',
      timeoutMilliseconds: 30_000,
      credential: { token: 'the.minted.token', expirationTime: '2026-01-02T12:10:00Z' },
      ...overrides,
    });
  };

export const problem =
  (code: ProblemCode, field?: string): Script =>
  (response) => {
    const error = new ProblemError(code, `${code} it is.`, field === undefined ? {} : { field });
    json(response, error.status, toProblemDocument(error), PROBLEM_CONTENT_TYPE);
  };

export const text =
  (status: number, body: string): Script =>
  (response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end(body);
  };

export const finished: Script = (response) => json(response, 200, { phase: 'Approved' });
export const noted: Script = (response) => void response.writeHead(204).end();
export const lost: Script = (response) => void response.socket?.destroy();
export const silent: Script = () => {};

function json(response: ServerResponse, status: number, body: unknown, type = 'application/json') {
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

const authority = createAuthority('exchange test CA');

async function serverIdentity(ca: KeyPairPem): Promise<KeyPairPem> {
  return issue(ca, { commonName: 'controller', ipAddresses: ['127.0.0.1'], usage: 'server' });
}

export class ScriptedExchange implements AsyncDisposable {
  readonly messages: Message[] = [];
  /** What the next use requests meet, one after the other; then what `otherwise` says. */
  uses: Script[] = [];
  finishes: Script[] = [];
  otherwise: { use: Script; finish: Script; refusals: Script; discovery: Script } = {
    use: granted(),
    finish: finished,
    refusals: noted,
    discovery: (response) => json(response, 200, { kind: 'APIVersions' }),
  };
  readonly directory = mkdtempSync(join(tmpdir(), 'actiongrant-exchange-'));
  readonly #server: Server;
  readonly #clients: ExchangeClient[] = [];

  private constructor(identity: KeyPairPem, ca: string) {
    this.writeToken('the.pod.token');
    this.writeCA(ca);
    this.#server = createServer(
      { cert: identity.certificate, key: identity.key },
      (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const message = messageOf(request.url ?? '', request.headers.authorization, chunks);
          this.messages.push(message);
          this.#scriptFor(message)(response, message);
        });
      },
    );
  }

  static async start(options: { port?: number; ca?: KeyPairPem } = {}): Promise<ScriptedExchange> {
    const ca = options.ca ?? (await authority);
    const exchange = new ScriptedExchange(await serverIdentity(ca), ca.certificate);
    await new Promise<void>((resolve) => {
      exchange.#server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return exchange;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** The sidecar's own client of this exchange. */
  client(urls: readonly string[] = [this.url]): ExchangeClient {
    const client = createExchangeClient({
      urls,
      caFile: join(this.directory, 'ca.crt'),
      tokenFile: join(this.directory, 'token'),
    });
    this.#clients.push(client);
    return client;
  }

  writeToken(token: string): void {
    writeFileSync(join(this.directory, 'token'), `${token}\n`);
  }

  writeCA(pem: string): void {
    writeFileSync(join(this.directory, 'ca.crt'), pem);
  }

  #scriptFor({ type }: Message): Script {
    switch (type) {
      case 'use':
        return this.uses.shift() ?? this.otherwise.use;
      case 'finish':
        return this.finishes.shift() ?? this.otherwise.finish;
      case 'refusals':
        return this.otherwise.refusals;
      case 'discovery':
        return this.otherwise.discovery;
    }
  }

  /** Stops to listen and cuts what is open; the files stay. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Promise.all(this.#clients.map((client) => client.close()));
    rmSync(this.directory, { recursive: true });
  }
}

function messageOf(url: string, authorization: string | undefined, chunks: Buffer[]): Message {
  const [path = '', query = ''] = url.split('?');
  const common = { path, authorization };
  const nonce = /^\/v1\/uses\/([^/]+)\/finish$/.exec(path)?.[1];
  const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (path === '/v1/uses') return { ...common, type: 'use', body };
  if (nonce !== undefined) return { ...common, type: 'finish', nonce, body };
  if (path === '/v1/refusals') return { ...common, type: 'refusals', body };
  return { ...common, type: 'discovery', query };
}

/** A clock on which time goes faster, so that pauses between real messages do not have to be waited for. */
export function hurriedClock(times = 20): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * times,
    after(milliseconds, fn) {
      const timer = setTimeout(fn, milliseconds / times);
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
