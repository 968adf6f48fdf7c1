import { once } from 'node:events';
import { createServer as createHTTPServer, type RequestListener } from 'node:http';
import { createServer as createHTTPSServer } from 'node:https';
import { issue } from '../pki.ts';
import type { NodeCluster } from './node-cluster.ts';
import { onFreeAddress, registerNames } from './upstreams.ts';

export interface ServiceOptions {
  readonly names: readonly string[];
  /** Default: https. */
  readonly scheme?: 'http' | 'https';
  /** Default: that of the scheme. */
  readonly port?: number;
  /** Which of the node's further addresses. Default: ipv4. */
  readonly family?: 'ipv4' | 'ipv6';
  readonly handle: RequestListener;
}

export interface Service {
  readonly address: string;
  close(): Promise<void>;
}

/** A service "on the Internet" like `startNodeUpstream`, whose answers are the test's own, byte by byte. */
export async function startService(
  cluster: NodeCluster,
  { names, scheme = 'https', port, family = 'ipv4', handle }: ServiceOptions,
): Promise<Service> {
  const { certificate: cert, key } = await issue(cluster.upstreamAuthority, {
    commonName: names[0] ?? '',
    dnsNames: names,
    usage: 'server',
  });
  const server =
    scheme === 'https' ? createHTTPSServer({ cert, key }, handle) : createHTTPServer(handle);
  const { upstream: address } = await onFreeAddress(async (ipv4, ipv6) => {
    const host = family === 'ipv4' ? ipv4 : ipv6;
    server.listen(port ?? (scheme === 'https' ? 443 : 80), host);
    await once(server, 'listening');
    return host;
  });
  const forget = await registerNames(cluster, names, [address]);
  return {
    address,
    async close() {
      await forget();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
