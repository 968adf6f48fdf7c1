/** Real clients of the proxy: by socket, by HTTP/1.1 and by HTTP/2. */

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import {
  type ClientHttp2Session,
  connect as connectHTTP2,
  constants,
  type Settings,
} from 'node:http2';
import { connect as connectTCP, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { type ConnectionOptions, connect as connectTLS, type TLSSocket } from 'node:tls';
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from '../../../../sidecar/certificates/certificate-authority.ts';
import type { CallHandler, InterceptedCall } from '../../../../sidecar/intercept/call.ts';
import type { InterceptEvent } from '../../../../sidecar/intercept/event.ts';
import {
  type Interceptor,
  type InterceptorOptions,
  startInterceptor,
} from '../../../../sidecar/intercept/interceptor.ts';

export const HOST = 'edr.example.com';

export interface TestProxy {
  readonly port: number;
  readonly authority: CertificateAuthority;
  readonly interceptor: Interceptor;
  readonly events: InterceptEvent[];
  close(): Promise<void>;
}

export async function startProxy(
  handle: CallHandler,
  options: Partial<InterceptorOptions> = {},
): Promise<TestProxy> {
  const authority = createCertificateAuthority({ now: Date.now });
  const events: InterceptEvent[] = [];
  const interceptor = await startInterceptor(
    {
      listen: { host: '127.0.0.1', port: 0 },
      authority,
      onEvent: (event) => events.push(event),
      ...options,
    },
    handle,
  );
  return {
    port: interceptor.address.port,
    authority,
    interceptor,
    events,
    close: () => interceptor.close(),
  };
}

/** What a client is told of a proxy: where it is, and the CA of its certificates. */
export interface ProxyAddress {
  readonly port: number;
  readonly authority: Pick<CertificateAuthority, 'certificate'>;
}

/** A handler that answers with what it was given. */
export const describeCall: CallHandler = async (call) => {
  const body = await readBody(call);
  const { head, bodyIsEmpty } = call;
  call.respond.writeHead(200, [['content-type', 'application/json']]);
  await call.respond.end(JSON.stringify({ head, bodyIsEmpty, body }));
};

export async function readBody(call: InterceptedCall): Promise<string> {
  return text(call.body);
}

export async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/** A connection to the proxy on which bytes are written by hand. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      this.received += data.toString('latin1');
    });
    socket.once('close', () => {
      this.closed = true;
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connectTCP(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Everything received until the proxy closes the connection. */
  async untilClosed(): Promise<string> {
    if (!this.closed) await new Promise((resolve) => this.socket.once('close', resolve));
    return this.received;
  }

  /** Waits until the received text matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received)) {
      if (this.closed) throw new Error(`closed after: ${this.received}`);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.socket.off('data', done).off('close', done);
          resolve();
        };
        this.socket.on('data', done).on('close', done);
      });
    }
    return this.received;
  }
}

/** The socket of an established CONNECT tunnel. */
export async function openTunnel(port: number, authority = `${HOST}:443`): Promise<Socket> {
  const socket = connectTCP(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const reply = await new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(data.toString('latin1')));
    socket.once('close', () => resolve(''));
  });
  if (!reply.startsWith('HTTP/1.1 200 ')) throw new Error(`CONNECT was refused: ${reply}`);
  socket.pause();
  return socket;
}

/** TLS through a tunnel, verified against the proxy's CA. */
export async function openTLS(
  proxy: ProxyAddress,
  options: ConnectionOptions & { tunnelTo?: string } = {},
): Promise<TLSSocket> {
  const { tunnelTo = `${HOST}:443`, ...rest } = options;
  const socket = connectTLS({
    socket: await openTunnel(proxy.port, tunnelTo),
    servername: HOST,
    ca: proxy.authority.certificate,
    ALPNProtocols: ['http/1.1'],
    ...rest,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

/** One HTTP/1.1 request through a tunnel. */
export async function requestH1(
  proxy: TestProxy,
  options: RequestOptions = {},
  body?: string,
): Promise<Answer> {
  const socket = await openTLS(proxy);
  const request = httpRequest({
    createConnection: () => socket,
    headers: { host: HOST },
    ...options,
  });
  const responded = once(request, 'response');
  // Errors can follow the first one.
  request.on('error', () => {});
  request.end(body);
  const [response] = (await responded) as [IncomingMessage];
  const answer = {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await text(response),
  };
  socket.destroy();
  return answer;
}

export async function openH2(
  proxy: TestProxy,
  settings: Settings = {},
): Promise<ClientHttp2Session> {
  const socket = await openTLS(proxy, { ALPNProtocols: ['h2'] });
  const session = connectHTTP2(`https://${HOST}`, { createConnection: () => socket, settings });
  session.on('error', () => {});
  return session;
}

/** One request on an HTTP/2 session. */
export async function requestH2(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: string,
): Promise<Answer> {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [head] = (await once(stream, 'response')) as [Record<string, string>];
  return { status: Number(head[':status']), headers: head, body: await text(stream) };
}

/** One request by either protocol. */
export async function request(
  protocol: 'h1' | 'h2',
  proxy: TestProxy,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body } = options;
  if (protocol === 'h1') {
    return requestH1(proxy, { method, path, headers: { host: HOST, ...headers } }, body);
  }
  const session = await openH2(proxy);
  const answer = await requestH2(session, { ':method': method, ':path': path, ...headers }, body);
  session.destroy();
  return answer;
}

/** The code with which a stream of its own connection is reset. */
export async function resetCode(
  proxy: TestProxy,
  headers: Record<string, string> = {},
): Promise<number> {
  const session = await openH2(proxy);
  const stream = session.request({ ':path': '/', ...headers });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  session.destroy();
  return stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
}
