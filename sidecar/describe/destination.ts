/** What a redirected connection's destination may be called. */

import { ProblemError } from '../../core/api/problem.ts';
import { printable, withBrackets } from '../../core/text/url.ts';
import type { Destination } from './request-head.ts';

/**
 * The hosts by which a client may call a destination, as URLs have them: the name it looked up first, then what is left of
 * it without a search domain. A client that calls `edr` makes its resolver ask for `edr.soc.svc.cluster.local`, and says
 * `edr` in Host and TLS server name: that, then, is the name in the action, as it would be through the explicit proxy.
 * @throws ProblemError DestinationUnknown if the address stands for no name any more
 */
export function destinationHosts(
  destination: Destination,
  searchDomains: readonly string[],
): readonly [full: string, ...shorter: string[]] {
  if ('address' in destination && destination.synthetic) {
    throw new ProblemError(
      'DestinationUnknown',
      `The address ${printable(destination.address)} stands for no name that was looked up lately. Look the name up again.`,
      { field: 'destination' },
    );
  }
  return hostsOf(destination, searchDomains);
}

/** `host:port` of each of these hosts; of an address that stands for no name any more, itself. */
export function destinationAuthorities(
  destination: Destination,
  searchDomains: readonly string[],
): string[] {
  return hostsOf(destination, searchDomains).map((host) => `${host}:${destination.port}`);
}

/** `host:port` for people. */
export function destinationText(destination: Destination): string {
  const [full] = hostsOf(destination, []);
  return `${printable(full)}:${destination.port}`;
}

function hostsOf(
  destination: Destination,
  searchDomains: readonly string[],
): readonly [full: string, ...shorter: string[]] {
  if ('address' in destination) {
    return [withBrackets(destination.address)];
  }
  const full = destination.name.toLowerCase();
  const suffixes = searchDomains.map((domain) => `.${domain}`);
  const shorter = suffixes
    .filter((suffix) => full.endsWith(suffix) && full.length > suffix.length)
    .map((suffix) => full.slice(0, -suffix.length));
  return [full, ...shorter];
}
