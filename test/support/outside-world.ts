/**
 * What a pod is connected to, in a program of its own: a DNS server, services over https and http, an API server, and the
 * controller's exchange, which grants what has `granted` in its path or name. The argument (JSON) says where, and a directory
 * for the CA. Every question, message and request is a line of JSON on standard output, after `ready`.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHTTPSServer } from 'node:https';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode } from 'dns-packet';
import { type Action, actionType } from '../../core/action/action.ts';
import { PROBLEM_CONTENT_TYPE, ProblemError, toProblemDocument } from '../../core/api/problem.ts';
import { parseRefusalReport, type RefusalReport } from '../../core/wire/refusals.ts';
import { parseUseRequest } from '../../core/wire/use.ts';
import { createAuthority, issue } from './pki.ts';

export interface OutsideWorld {
  /** Of every server but DNS. */
  address: string;
  dnsAddress: string;
  /** Name → address. */
  records: Readonly<Record<string, string>>;
  /** Names in the certificate of the services. */
  names: readonly string[];
  /** Gets `ca.crt`, and `released` from the test. */
  directory: string;
}

export type WorldEvent =
  | { what: 'question'; name: string; type: string }
  | { what: 'request'; port: number; method: string; url: string; host: string; token: boolean }
  | { what: 'use'; action: Action }
  | { what: 'refusals'; report: RefusalReport };

/** Ports of the outside world. */
export const WORLD_PORTS = { https: 443, http: 80, odd: 8080, api: 6443, exchange: 8443 } as const;

/** In the directory of the world: made by the test when an answer whose path has `slow` in it may end. */
export const RELEASED_FILE = 'released';

function tell(event: WorldEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function startDNS(host: string, records: OutsideWorld['records']): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const { id, questions = [] } = decode(message);
    const [question] = questions;
    if (question === undefined) return;
    const { name, type } = question;
    tell({ what: 'question', name, type });
    const address = records[name.toLowerCase()];
    const answer = encode({
      type: 'response',
      ...(id === undefined ? {} : { id }),
      // RFC 1035 4.1.1: recursion available; NXDOMAIN for what is not there.
      flags: 0x80 | (address === undefined ? 3 : 0),
      questions,
      answers:
        address === undefined || type !== 'A' ? [] : [{ type: 'A', name, ttl: 1, data: address }],
    });
    socket.send(answer, from.port, from.address);
  });
  socket.bind(53, host);
  await once(socket, 'listening');
}

function service(port: number, directory: string) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const { host = '', authorization } = headers;
    tell({ what: 'request', port, method, url, host, token: authorization !== undefined });
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    while (url.includes('slow') && !existsSync(join(directory, RELEASED_FILE))) await sleep(20);
    response.end('{"from":"outside"}');
  };
}

async function exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString() || 'null');
  const answer = (status: number, value: unknown, type = 'application/json') =>
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value));
  if (request.url === '/v1/uses') {
    const { nonce, action } = parseUseRequest(body);
    tell({ what: 'use', action });
    const type = actionType(action);
    if (!type.summary(action).includes('granted')) {
      const problem = new ProblemError('GrantRequired', 'No grant covers this action.');
      answer(problem.status, toProblemDocument(problem), PROBLEM_CONTENT_TYPE);
      return;
    }
    const grant = { namespace: 'soc', name: 'granted', uid: 'granted' };
    const credential = { token: 'a.minted.token', expirationTime: '2030-01-01T00:00:00Z' };
    const takesCredential = type.credential(action) !== undefined;
    answer(201, {
      nonce,
      grant,
      bodyForm: 'None',
      timeoutMilliseconds: 60_000,
      ...(takesCredential ? { credential } : {}),
    });
  } else if (request.url === '/v1/refusals') {
    tell({ what: 'refusals', report: parseRefusalReport(body) });
    response.writeHead(204).end();
  } else answer(200, { phase: 'Finished' });
}

async function start(world: OutsideWorld): Promise<void> {
  const ca = await createAuthority('outside CA');
  const certificate = async (dnsNames: readonly string[]) => {
    const request = { commonName: 'outside', dnsNames, ipAddresses: [world.address] };
    const { certificate: cert, key } = await issue(ca, { ...request, usage: 'server' });
    return { cert, key };
  };
  await writeFile(join(world.directory, 'ca.crt'), ca.certificate);
  const { https, http, odd, api, exchange: exchangePort } = WORLD_PORTS;
  const serve = (port: number) => service(port, world.directory);
  const servers: [port: number, server: Server][] = [
    [https, createHTTPSServer(await certificate(world.names), serve(https))],
    [http, createServer(serve(http))],
    [odd, createServer(serve(odd))],
    [api, createHTTPSServer(await certificate(['kubernetes.default.svc']), serve(api))],
    [
      exchangePort,
      createHTTPSServer(await certificate([]), (request, response) => {
        exchange(request, response).catch(() => response.destroy());
      }),
    ],
  ];
  for (const [port, server] of servers) {
    server.listen(port, world.address);
    await once(server, 'listening');
  }
  await startDNS(world.dnsAddress, world.records);
  process.stdout.write('ready\n');
}

if (import.meta.main) await start(JSON.parse(process.argv[2] ?? '{}'));
