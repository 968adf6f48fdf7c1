/** Which IP families the pod has, by its network interfaces. */

import type { NetworkInterfaceInfo } from 'node:os';
import type { AddressFamilies } from './answer.ts';

/** @param interfaces what `os.networkInterfaces()` returns. Loopback and link-local addresses lead nowhere. */
export function addressFamiliesOf(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): AddressFamilies {
  const usable = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe[89ab]|169\.254\.)/i.test(address));
  return {
    ipv4: usable.some(({ family }) => family === 'IPv4'),
    ipv6: usable.some(({ family }) => family === 'IPv6'),
  };
}
