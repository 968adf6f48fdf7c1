import { EventEmitter, once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { KubeObject } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';
import { createAuthority, issue, type KeyPairPem } from './pki.ts';

/** One request as it came, and who its token says it is. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly host: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly token: string | undefined;
  /** Kubernetes user of the token; undefined: there is none, or the API server refuses it. */
  readonly username: string | undefined;
  /** Monotonic ms. */
  readonly receivedAt: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface UpstreamOptions {
  plane: ControlPlane;
  /** Names (or IPv4 addresses) in its certificate. */
  names: readonly string[];
  /** Where it listens; a free port of loopback by default. */
  listen?: { readonly host: string; readonly port: number };
  /** Signs the certificate; one of its own by default. */
  authority?: KeyPairPem;
  /** When its certificate expires. */
  notAfter?: Date;
  /** What tokens must be for. Default: `https://` and the first name. */
  audience?: string;
  /** False: takes every request for authenticated, without a TokenReview. For benches of others' speed. */
  review?: boolean;
  /** The answer to an authenticated request, after its effect was counted; 'cut' gives none. Default: 200 and a JSON body. */
  answer?(request: UpstreamRequest): UpstreamAnswer | 'cut' | Promise<UpstreamAnswer | 'cut'>;
}

/** An HTTPS service that does what it is asked if the API server accepts the token (TokenReview), and counts it. */
export interface Upstream {
  readonly port: number;
  /** PEM of its authority. */
  readonly caPem: string;
  /** Everything that came, in order of arrival of its last byte. */
  readonly requests: readonly UpstreamRequest[];
  /** What was carried out. */
  readonly effects: readonly UpstreamRequest[];
  /** How often exactly this was carried out: `POST /v1/hosts/host-7/quarantine`. */
  count(methodAndPath: string): number;
  /** Resolves with the first effect of this kind, also a past one. */
  effect(methodAndPath: string): Promise<UpstreamRequest>;
  close(): Promise<void>;
}

export async function startUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { plane, names, answer = () => DONE, review = true } = options;
  const audience = options.audience ?? `https://${names[0]}`;
  const authority = options.authority ?? (await createAuthority('test upstreams'));
  const { certificate, key } = await issue(authority, {
    commonName: names[0] ?? 'upstream',
    dnsNames: names.filter((name) => !isAddress(name)),
    ipAddresses: names.filter(isAddress),
    usage: 'server',
    ...(options.notAfter === undefined ? {} : { notAfter: options.notAfter }),
  });
  const requests: UpstreamRequest[] = [];
  const effects: UpstreamRequest[] = [];
  const counts = new Map<string, number>();
  const news = new EventEmitter().setMaxListeners(0);

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await received(incoming, (token) =>
      review ? reviewedUser(plane, token, audience) : Promise.resolve('not reviewed'),
    );
    requests.push(request);
    if (request.username === undefined) {
      send(response, { status: 401, headers: { 'www-authenticate': 'Bearer' } });
      return;
    }
    const name = `${request.method} ${request.path}`;
    effects.push(request);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    news.emit(name, request);
    send(response, await answer(request));
  };

  const server = createServer({ cert: certificate, key }, (incoming, response) => {
    // A request that was cut off on its way has no effect here.
    handle(incoming, response).catch(() => response.destroy());
  });
  const { host, port } = options.listen ?? { host: '127.0.0.1', port: 0 };
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');

  return {
    port: address.port,
    caPem: authority.certificate,
    requests,
    effects,
    count: (name) => counts.get(name) ?? 0,
    async effect(name) {
      const past = effects.find(({ method, path }) => `${method} ${path}` === name);
      if (past !== undefined) return past;
      const [request] = await once(news, name);
      return request as UpstreamRequest;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const DONE: UpstreamAnswer = { status: 200, body: '{"done":true}' };

async function received(
  incoming: IncomingMessage,
  userOf: (token: string) => Promise<string | undefined>,
): Promise<UpstreamRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = '', url = '', headers } = incoming;
  const receivedAt = performance.now();
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
  return {
    method,
    path: url,
    host: headers.host ?? '',
    headers,
    body: Buffer.concat(chunks),
    token,
    username: token === undefined ? undefined : await userOf(token),
    receivedAt,
  };
}

function send(response: ServerResponse, answer: UpstreamAnswer | 'cut'): void {
  if (answer === 'cut') {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  response.end(answer.body);
}

/** The user that the API server takes this token for, as a service in the cluster would ask; undefined: refused. */
export async function reviewedUser(
  plane: ControlPlane,
  token: string,
  audience: string | undefined,
): Promise<string | undefined> {
  const spec = { token, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const { status } = await plane.api<TokenReview>(
    'POST',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    { spec },
  );
  return status.authenticated === true ? status.user?.username : undefined;
}

interface TokenReview extends KubeObject {
  status: { authenticated?: boolean; user?: { username?: string } };
}

function isAddress(name: string): boolean {
  return /^[0-9.]+$/.test(name);
}
