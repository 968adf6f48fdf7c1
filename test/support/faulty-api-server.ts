/**
 * A TLS reverse proxy that does to chosen requests what networks and crashes do: holds, loses or delays them or their
 * answers. It stands between a client (a controller replica, or a sidecar) and the real server; all else passes.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as send } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { writeKubeconfig } from './cluster-files.ts';
import type { ControlPlane } from './control-plane.ts';
import { createAuthority, issue } from './pki.ts';

/** Which requests; what is absent does not matter. */
export interface Match {
  readonly method?: string;
  /** Of path and query. */
  readonly path: RegExp;
  /** Of the request's body. */
  readonly body?: RegExp;
  /** 1: the first that matches from now on (default). */
  readonly nth?: number;
  /** How many from there on. Default 1. */
  readonly times?: number;
}

export type Fault =
  /** Not forwarded until `release()`; never, if the client has gone by then. */
  | { type: 'HoldRequest' }
  /** Forwarded; the answer waits for `release()`. */
  | { type: 'HoldAnswer' }
  /** Not forwarded; the connection is cut. */
  | { type: 'DropRequest' }
  /** Forwarded; the connection is cut instead of the answer. */
  | { type: 'DropAnswer' }
  /** The connection is cut; what was sent arrives after `release()` all the same. */
  | { type: 'LateRequest' }
  /** Not forwarded; answered with this status. */
  | { type: 'Fail'; status: number };

export interface Rule {
  /** Resolves when the fault has come into effect for the first time. */
  readonly hit: Promise<void>;
  /** How often it did. */
  readonly hits: number;
  /** Status of the real server's answer to the first request that was forwarded. */
  readonly answered: Promise<number>;
  /** Lets go of what is held, and of whatever matches later. */
  release(): void;
}

/** A request that was forwarded or met a fault. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface FaultyServer {
  readonly port: number;
  readonly url: string;
  /** PEM of the authority of its own certificate. */
  readonly caPem: string;
  readonly requests: readonly SeenRequest[];
  /** The latest rule that matches a request decides. */
  rule(match: Match, fault: Fault): Rule;
  /** Everything that is held is let go, and no rule holds any more. */
  clear(): void;
  close(): Promise<void>;
}

export interface FaultyServerOptions {
  /** `https://host:port` of the real server. */
  target: string;
  /** PEM that verifies it. */
  ca: string;
}

export async function startFaultyServer({
  target,
  ca,
}: FaultyServerOptions): Promise<FaultyServer> {
  const authority = await createAuthority('test faulty server');
  const { certificate, key } = await issue(authority, {
    commonName: 'faulty server',
    ipAddresses: ['127.0.0.1'],
    usage: 'server',
  });
  const agent = new Agent({ ca, keepAlive: true });
  const requests: SeenRequest[] = [];
  const rules: ActiveRule[] = [];
  const sockets = new Set<Socket>();

  const forward = (incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const outgoing = send(`${target}${incoming.url}`, {
        method: incoming.method ?? 'GET',
        agent,
        headers: endToEnd(incoming.headers, body),
      });
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
      outgoing.end(body);
    });

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(incoming);
    const { method = '', url = '' } = incoming;
    const seen = { method, path: url, body: body.toString('utf8') };
    requests.push(seen);
    // Every rule counts what matches it, whether or not another one decides.
    const rule = rules.filter((each) => each.matches(seen)).at(-1);
    const fault = rule?.fault.type;
    switch (fault) {
      case 'DropRequest':
      case 'LateRequest':
        response.destroy();
        break;
      case 'Fail':
        response.writeHead(rule?.fault.type === 'Fail' ? rule.fault.status : 500).end();
        break;
      default:
    }
    if (fault !== 'HoldAnswer' && fault !== 'DropAnswer') rule?.onHit();
    if (fault === 'DropRequest' || fault === 'Fail') return;
    if (fault === 'HoldRequest' || fault === 'LateRequest') await rule?.released;
    if (fault === 'HoldRequest' && response.destroyed) return;
    const answer = await forward(incoming, body);
    rule?.onAnswer(answer.statusCode ?? 0);
    if (fault === 'LateRequest' || fault === 'DropAnswer') {
      // Read to its end: a watch apart, that is when the server has done its work.
      await readAll(answer);
      if (fault === 'DropAnswer') rule?.onHit();
      response.destroy();
      return;
    }
    if (fault === 'HoldAnswer') {
      rule?.onHit();
      await rule?.released;
    }
    response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
    response.flushHeaders();
    answer.pipe(response);
    // A watch ends on the far side when its client goes.
    response.once('close', () => answer.destroy());
    answer.once('error', () => response.destroy());
  };

  const server = createServer({ cert: certificate, key }, (incoming, response) => {
    // As a connection lost on either side.
    handle(incoming, response).catch(() => response.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');

  const clear = (): void => {
    for (const rule of rules.splice(0)) rule.release();
  };
  return {
    port: address.port,
    url: `https://127.0.0.1:${address.port}`,
    caPem: authority.certificate,
    requests,
    rule(match, fault) {
      const rule = new ActiveRule(match, fault);
      rules.push(rule);
      return rule;
    },
    clear,
    async close() {
      clear();
      server.close();
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

/** Between a client and the API server. */
export function startFaultyApiServer(plane: ControlPlane): Promise<FaultyServer> {
  return startFaultyServer({ target: plane.url, ca: plane.caPem });
}

/** A kubeconfig with the token of another one that goes through the faulty server. @returns its path */
export function faultyKubeconfig(
  plane: ControlPlane,
  faulty: FaultyServer,
  like: string = plane.adminKubeconfig,
): string {
  const config = JSON.parse(readFileSync(like, 'utf8')) as {
    users: [{ user: { token?: string } }];
  };
  const { token } = config.users[0].user;
  // TLS ends here, so a client certificate could not be passed on.
  if (token === undefined) throw new Error(`${like} has no token`);
  const path = join(plane.directory, 'kubeconfigs', `faulty-${faulty.port}`);
  return writeKubeconfig(path, faulty.url, faulty.caPem, { token });
}

class ActiveRule implements Rule {
  readonly fault: Fault;
  readonly hit: Promise<void>;
  readonly answered: Promise<number>;
  readonly released: Promise<void>;
  readonly onHit: () => void;
  readonly onAnswer: (status: number) => void;
  readonly #match: Match;
  readonly #release: () => void;
  #matched = 0;
  #hits = 0;
  #over = false;

  constructor(match: Match, fault: Fault) {
    const hit = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<number>();
    const released = Promise.withResolvers<void>();
    this.fault = fault;
    this.#match = match;
    this.hit = hit.promise;
    this.answered = answered.promise;
    this.released = released.promise;
    this.onHit = () => {
      this.#hits++;
      hit.resolve();
    };
    this.onAnswer = answered.resolve;
    this.#release = released.resolve;
  }

  get hits(): number {
    return this.#hits;
  }

  release(): void {
    this.#over = true;
    this.#release();
  }

  matches({ method, path, body }: SeenRequest): boolean {
    const { method: wanted, path: pattern, body: text, nth = 1, times = 1 } = this.#match;
    const isMatch =
      !this.#over &&
      (wanted === undefined || wanted === method) &&
      pattern.test(path) &&
      (text === undefined || text.test(body));
    if (!isMatch) return false;
    this.#matched++;
    return this.#matched >= nth && this.#matched < nth + times;
  }
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Hop-by-hop headers are each connection's own (RFC 9110 section 7.6.1); the body was read, so its length is known. */
function endToEnd(headers: IncomingHttpHeaders, body: Buffer): IncomingHttpHeaders {
  const { connection: _, 'transfer-encoding': __, host: ___, ...rest } = headers;
  return body.length === 0 ? rest : { ...rest, 'content-length': `${body.length}` };
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _, 'transfer-encoding': __, 'keep-alive': ___, ...rest } = headers;
  return rest;
}
