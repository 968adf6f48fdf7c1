/** What a redirected connection's destination may be called. */

import { printable, withBrackets } from '../../core/text/url.ts';
import type { Destination } from './request-head.ts';

export type DestinationHosts = readonly [full: string, ...shorter: string[]];

/**
 * The hosts by which a client may call a destination, as URLs have them: the name it looked up first, then what is left of
 * it without a search domain. A client that calls `edr` makes its resolver ask for `edr.soc.svc.cluster.local`, and says
 * `edr` in Host and TLS server name: that, then, is the name in the action, as it would be through the explicit proxy.
 */
export function destinationHosts(
  destination: Destination,
  searchDomains: readonly string[],
): DestinationHosts {
  if ('address' in destination) return [withBrackets(destination.address)];
  const full = destination.name.toLowerCase();
  const hosts: [string, ...string[]] = [full];
  for (const domain of searchDomains) {
    const end = full.length - domain.length - 1;
    if (end > 0 && full[end] === '.' && full.endsWith(domain)) hosts.push(full.slice(0, end));
  }
  return hosts;
}

/** `host:port` for people. */
export function destinationText(destination: Destination): string {
  const [full] = destinationHosts(destination, []);
  return hostAndPort(full, destination.port);
}

/** The same of what was read already. */
export function hostAndPort(host: string, port: number): string {
  return `${printable(host)}:${port}`;
}
