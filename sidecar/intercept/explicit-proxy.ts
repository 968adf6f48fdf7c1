/** How clients reach us as an explicit proxy: absolute-form requests and CONNECT tunnels. */

import { asProblem, ProblemError } from '../../core/api/problem.ts';
import { parseAuthority, withoutBrackets } from '../../core/text/url.ts';
import type { ClientConnection } from './connection.ts';
import { refuseRaw } from './refusal.ts';

/** Opens the tunnel for a CONNECT request, or refuses it. Returns the host to certify, or null if refused. */
export function openTunnel(
  connection: ClientConnection,
  target: string,
  rest: Buffer,
): string | null {
  const { raw } = connection;
  try {
    const { host, port } = parseAuthority(target, 'CONNECT');
    if (port === null) {
      throw new ProblemError('TargetRefused', 'CONNECT: the target has no port.', {
        field: 'CONNECT',
      });
    }
    connection.connectAuthority = target;
    raw.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (rest.length > 0) raw.unshift(rest);
    return withoutBrackets(host);
  } catch (error) {
    refuseRaw(raw, asProblem(error));
    return null;
  }
}
