/** Where the front ends can listen. */

import { isIPv6 } from 'node:net';

/**
 * The addresses whose family exists. IPv6 may be switched off in a pod: then nothing can come by it. Where any interface has
 * it, were it only a link-local address, a listener that cannot start would be a gap, and is an error.
 *
 * @param interfaces what `os.networkInterfaces()` returns
 */
export function listenable<A extends { host: string }>(
  listen: readonly A[],
  interfaces: Readonly<Record<string, readonly { address: string }[] | undefined>>,
): A[] {
  const addresses = Object.values(interfaces).flatMap((infos) => infos ?? []);
  const hasIPv6 = addresses.some(({ address }) => isIPv6(address));
  return listen.filter(({ host }) => hasIPv6 || !isIPv6(host));
}
