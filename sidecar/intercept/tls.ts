/** Ends the client's TLS with a certificate for the name it asked for. */

import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { CertificateAuthority } from '../certificates/certificate-authority.ts';

/**
 * A TLSSocket of our own and not a tls.Server, because the certificate without a server name depends on the connection.
 *
 * @param host whom the client thinks it connects to: certified if it sends no server name
 * @param onSecure called once, after the handshake
 * @param onFailure called with an error code if there is no handshake; the connection is closed then
 */
export function terminateTLS(
  raw: Socket,
  authority: CertificateAuthority,
  host: string,
  onSecure: (tls: TLSSocket, sni: string | false) => void,
  onFailure: (code: string) => void,
): void {
  let sni: string | false = false;
  let settled = false;
  const fail = (error: NodeJS.ErrnoException): void => {
    raw.destroy();
    if (settled) return;
    settled = true;
    onFailure(error.code ?? 'unknown');
  };
  let secureContext: SecureContext;
  try {
    secureContext = authority.contextFor(host);
  } catch {
    // What was looked up, too, is any bytes the client likes.
    fail(Object.assign(new Error('no certificate for this name'), { code: 'NameNotCertifiable' }));
    return;
  }
  const options: TLSSocketOptions = {
    isServer: true,
    secureContext,
    ALPNProtocols: ['h2', 'http/1.1'],
    SNICallback(name, callback) {
      // CVE-2026-21637: what this callback throws, nothing catches. The name is any bytes the client likes.
      let context: SecureContext;
      try {
        context = authority.contextFor(name);
      } catch (error) {
        callback(error instanceof Error ? error : new Error('no certificate for this name'));
        return;
      }
      sni = name;
      callback(null, context);
    },
  };
  const tls = new TLSSocket(raw, options);
  tls.on('error', fail);
  tls.on('_tlsError', fail);
  tls.once('close', () =>
    fail(Object.assign(new Error('closed within the handshake'), { code: 'ECONNRESET' })),
  );
  tls.once('secure', () => {
    if (settled) return;
    settled = true;
    // As tls.Server does for sockets of its own; left true, http2 would wait for a second handshake.
    Object.assign(tls, { secureConnecting: false });
    onSecure(tls, sni);
  });
}
