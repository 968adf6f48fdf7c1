/** CONNECT tunnels (RFC 9110 9.3.6): only TLS is served in one, for the authority that it was opened to. */

import { asProblem, ProblemError } from '../../core/api/problem.ts';
import { parseAuthority, withoutBrackets } from '../../core/text/url.ts';
import type { ClientConnection } from './connection.ts';
import type { InterceptObserver } from './event.ts';
import { sniff } from './first-bytes.ts';
import { refuseRaw } from './refusal.ts';

export interface TunnelOptions {
  /** @param host whom the client thinks it connects to */
  serveTLS(connection: ClientConnection, host: string): void;
  readonly onEvent: InterceptObserver;
}

/**
 * Answers a CONNECT request, and serves what comes through the tunnel.
 * @param rest what was read already of the bytes that follow the request
 */
export function openTunnel(
  connection: ClientConnection,
  target: string,
  rest: Buffer,
  { serveTLS, onEvent }: TunnelOptions,
): void {
  const { raw } = connection;
  let host: string;
  try {
    host = tunnelHost(target);
  } catch (error) {
    refuseRaw(raw, asProblem(error));
    return;
  }
  connection.connectAuthority = target;
  raw.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  if (rest.length > 0) raw.unshift(rest);
  sniff(raw, (kind) => {
    if (kind === 'tls') serveTLS(connection, host);
    else if (kind === 'none') raw.destroy();
    else {
      onEvent({ type: 'ConnectionRefused', reason: 'PlainInTunnel' });
      refuseRaw(raw, plainInTunnel());
    }
  });
}

/**
 * The host to certify, for the target of a CONNECT request.
 * @throws ProblemError TargetRefused
 */
export function tunnelHost(target: string): string {
  const { host, port } = parseAuthority(target, 'CONNECT');
  if (port === null) {
    throw new ProblemError('TargetRefused', 'CONNECT: the target has no port.', {
      field: 'CONNECT',
    });
  }
  return withoutBrackets(host);
}

function plainInTunnel(): ProblemError {
  return new ProblemError(
    'ProtocolRefused',
    'Only TLS is accepted inside a CONNECT tunnel; send plain HTTP to the proxy in absolute form.',
  );
}
