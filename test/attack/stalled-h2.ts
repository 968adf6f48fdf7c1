/** An HTTP/2 client that asks and takes no answer: with a window of nothing not a byte of a body may be sent (RFC 9113 6.9.2). */

import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHTTP2, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';

export interface StalledRequest {
  headers: Readonly<Record<string, string>>;
  body?: string;
}

export interface StalledH2 {
  /** Requests that were answered, as far as their heads, by status. */
  readonly answered: Map<number, number>;
  /** Streams that were reset. */
  readonly reset: number;
}

/** Sends so many requests, each on a stream of its own, through a tunnel on `raw`. Resolves once they are sent. */
export async function stallH2(
  raw: Socket,
  {
    host,
    ca,
    count,
    request,
  }: { host: string; ca: string; count: number; request: StalledRequest },
): Promise<StalledH2> {
  raw.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
  await once(raw, 'data');
  const tls = connectTLS({ socket: raw, ca, servername: host, ALPNProtocols: ['h2'] });
  tls.on('error', () => {});
  await once(tls, 'secureConnect');
  const session = connectHTTP2(`https://${host}`, {
    createConnection: () => tls,
    settings: { initialWindowSize: 0 },
  });
  session.on('error', () => {});
  const answered = new Map<number, number>();
  let reset = 0;
  for (let i = 0; i < count; i += 1) {
    open(session, i, request, answered, () => {
      reset += 1;
    });
  }
  return {
    answered,
    get reset() {
      return reset;
    },
  };
}

function open(
  session: ClientHttp2Session,
  number: number,
  { headers, body }: StalledRequest,
  answered: Map<number, number>,
  onReset: () => void,
): void {
  const stream = session.request(
    { ':path': `/${number}`, ...headers },
    { endStream: body === undefined },
  );
  stream.on('error', () => {});
  stream.once('response', ({ ':status': status = 0 }) => {
    answered.set(status, (answered.get(status) ?? 0) + 1);
  });
  stream.once('close', () => {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) onReset();
  });
  if (body !== undefined) stream.end(body);
}
