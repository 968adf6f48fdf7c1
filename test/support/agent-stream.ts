/**
 * A call of an agent whose request and response are streams, over HTTP/1.1 or HTTP/2 in a CONNECT tunnel, or in absolute
 * form for plain HTTP. For whole requests and responses see agent-call.ts.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type ClientHttp2Stream, connect as connectHTTP2 } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { openTLS } from '../unit/sidecar/intercept/clients.ts';

export type Protocol = 'h1' | 'h2';

export interface AgentRequest {
  readonly method?: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS server name, if it is not the URL's host. */
  readonly serverName?: string;
}

export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Errors if the response is cut. */
  readonly body: Readable;
}

export interface AgentCall {
  /** What the client must end, or the call never begins. */
  readonly request: Writable;
  readonly response: Promise<StreamedAnswer>;
  /** As a client that is killed. */
  abandon(): void;
}

export interface SidecarAddress {
  readonly port: number;
  readonly caFile: string;
}

export async function startCall(
  sidecar: SidecarAddress,
  protocol: Protocol,
  request: AgentRequest,
): Promise<AgentCall> {
  if (request.url.startsWith('http:')) return plainCall(sidecar, request);
  const { host, hostname } = new URL(request.url);
  const tls = await openTLS(
    {
      port: sidecar.port,
      authority: { certificate: readFileSync(sidecar.caFile, 'utf8') },
    },
    {
      tunnelTo: host === hostname ? `${host}:443` : host,
      // A server name that is not the host's needs a certificate that is.
      servername: request.serverName ?? hostname,
      ALPNProtocols: [protocol === 'h1' ? 'http/1.1' : 'h2'],
    },
  );
  const { method = 'GET', headers = {} } = request;
  if (protocol === 'h1') {
    const outgoing = httpRequest({
      createConnection: () => tls,
      method,
      path: pathOf(request.url),
      headers: { host, ...headers },
    });
    return {
      request: outgoing,
      response: answerOfH1(outgoing),
      abandon: () => tls.destroy(),
    };
  }
  const session = connectHTTP2(`https://${host}`, { createConnection: () => tls });
  session.on('error', () => {});
  const stream = session.request(
    { ':method': method, ':path': pathOf(request.url), ':authority': host, ...headers },
    { endStream: false },
  );
  stream.once('close', () => session.close());
  return { request: stream, response: answerOfH2(stream), abandon: () => tls.destroy() };
}

function plainCall({ port }: SidecarAddress, request: AgentRequest): AgentCall {
  const { method = 'GET', headers = {}, url } = request;
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port,
    agent: false,
    method,
    path: url,
    headers: { host: new URL(url).host, ...headers },
  });
  return {
    request: outgoing,
    response: answerOfH1(outgoing),
    abandon: () => outgoing.destroy(),
  };
}

export interface WholeAnswer {
  readonly status: number;
  readonly headers: StreamedAnswer['headers'];
  readonly text: string;
  /** Members of a refusal; empty for anything else. */
  readonly problem: {
    readonly code?: string;
    readonly detail?: string;
    readonly field?: string;
    readonly manifest?: string;
  };
}

/** One call with a whole body, and its whole response. @throws Error if the response is cut */
export async function call(
  sidecar: SidecarAddress,
  protocol: Protocol,
  request: AgentRequest,
  body?: string | Uint8Array,
): Promise<WholeAnswer> {
  const { request: outgoing, response } = await startCall(
    sidecar,
    protocol,
    body === undefined ? request : withLength(request, body),
  );
  outgoing.end(body);
  const answer = await response;
  const bytes = await readAll(answer.body);
  const text = bytes.toString('latin1');
  const isProblem = answer.headers['content-type'] === 'application/problem+json';
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    problem: isProblem ? JSON.parse(text) : {},
  };
}

/** Node leaves the length of a DELETE's body out, and with it the body's end. */
function withLength(request: AgentRequest, body: string | Uint8Array): AgentRequest {
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  return { ...request, headers: { ...length, ...request.headers } };
}

/** @throws Error if the stream was cut */
export async function readAll(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function answerOfH1(outgoing: ReturnType<typeof httpRequest>): Promise<StreamedAnswer> {
  const responded = once(outgoing, 'response');
  // Errors can follow the first one.
  outgoing.on('error', () => {});
  const [response] = (await responded) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: response };
}

async function answerOfH2(stream: ClientHttp2Stream): Promise<StreamedAnswer> {
  const responded = once(stream, 'response');
  stream.on('error', () => {});
  const [headers] = (await responded) as [Record<string, string>];
  return { status: Number(headers[':status']), headers, body: stream };
}

/** Path and query exactly as they are written. */
function pathOf(url: string): string {
  return url.slice(url.indexOf('/', 'https://'.length));
}
