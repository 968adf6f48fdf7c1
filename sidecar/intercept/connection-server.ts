/** Serves a client connection once it is known what it speaks: HTTP/1 on it, or TLS and either HTTP in it. */

import type { CertificateAuthority } from '../certificates/certificate-authority.ts';
import type { ClientConnection } from './connection.ts';
import type { HTTPOptions } from './http-options.ts';
import { createHTTP1 } from './http1.ts';
import { serveHTTP2 } from './http2.ts';
import { terminateTLS } from './tls.ts';
import { openTunnel } from './tunnel.ts';

export interface ConnectionServerOptions extends HTTPOptions {
  readonly authority: CertificateAuthority;
}

export interface ConnectionServer {
  serveHTTP(connection: ClientConnection): void;
  /** @param host whom the client thinks it connects to: certified if it sends no server name */
  serveTLS(connection: ClientConnection, host: string): void;
}

export function createConnectionServer(options: ConnectionServerOptions): ConnectionServer {
  const { authority, onEvent } = options;
  const http1 = createHTTP1({
    ...options,
    onConnect: (connection, target, rest) =>
      openTunnel(connection, target, rest, { serveTLS, onEvent }),
  });

  function serveTLS(connection: ClientConnection, host: string): void {
    terminateTLS(
      connection.raw,
      authority,
      host,
      (tls, sni) => {
        connection.sni = sni;
        if (tls.alpnProtocol === 'h2') serveHTTP2(tls, connection, options);
        else http1.accept(tls, connection);
      },
      (code) => {
        const { destination } = connection;
        onEvent({ type: 'TLSFailed', code, ...(destination === undefined ? {} : { destination }) });
      },
    );
  }

  return { serveHTTP: (connection) => http1.accept(connection.raw, connection), serveTLS };
}
