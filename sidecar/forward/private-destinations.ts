/** Where the administrator lets names lead to private addresses: by the name, or by the address. */

import { BlockList } from 'node:net';
import type { PrivateDestination } from '../../core/text/private-destination.ts';
import { familyOf } from './network-list.ts';

export class PrivateDestinations {
  readonly #hosts = new Set<string>();
  readonly #suffixes: string[] = [];
  readonly #networks = new BlockList();

  constructor(destinations: readonly PrivateDestination[]) {
    for (const destination of destinations) {
      if (destination.kind === 'Host') this.#hosts.add(destination.host);
      else if (destination.kind === 'Domain') this.#suffixes.push(destination.suffix);
      else {
        const { address, prefix } = destination;
        this.#networks.addSubnet(address, prefix, familyOf(address));
      }
    }
  }

  /** Whether a host (in lower case, without a final dot) may lead to an address. */
  includes(host: string, address: string): boolean {
    if (this.#hosts.has(host) || this.#suffixes.some((suffix) => host.endsWith(suffix)))
      return true;
    return this.#networks.check(address, familyOf(address));
  }
}
