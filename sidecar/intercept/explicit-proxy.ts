/** How clients reach us that know of the proxy: absolute-form requests and CONNECT tunnels. */

import type { Socket } from 'node:net';
import { sniff } from './first-bytes.ts';
import type { FrontEnd } from './front-end.ts';

export function acceptProxyClient({ admission, server, onEvent }: FrontEnd, raw: Socket): void {
  const connection = admission.admit(raw);
  if (connection === null) return;
  sniff(raw, (kind) => {
    // HTTP/2 without TLS: the parser says what is wrong with it.
    if (kind === 'http' || kind === 'http2') return server.serveHTTP(connection);
    // TLS here would be for a destination that an explicit proxy is never told.
    if (kind !== 'none') onEvent({ type: 'ConnectionRefused', reason: 'NotHTTP' });
    raw.destroy();
  });
}
