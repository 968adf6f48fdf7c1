/** From a host to addresses that may be connected to: what is checked here is what is connected to. */

import type { LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { withoutBrackets } from '../../core/text/url.ts';
import { type Lookup, lookUpOutside, systemLookup } from '../dns/lookup.ts';
import { ForwardError } from './error.ts';
import { forbiddenAddress } from './forbidden-address.ts';

export interface Target {
  /** Checked addresses, to be tried in this order; never empty. */
  addresses: readonly LookupAddress[];
  port: number;
}

export interface Resolver {
  /** @throws ForwardError UpstreamUnresolved, UpstreamNameRefused; never dispatched */
  resolve(host: string, port: number): Promise<Target>;
}

export interface ResolverOptions {
  /** The operator's own `host:port` → `address:port`: used as they are, without the checks. */
  connectTo?: ReadonlyMap<string, string>;
  lookup?: Lookup;
  /** Addresses of this pod, where agents may listen: no name may lead there. Asked anew each time. */
  ownAddresses?: () => readonly string[];
}

export function createResolver(options: ResolverOptions = {}): Resolver {
  const { lookup = systemLookup, ownAddresses = () => [] } = options;
  const pinned = new Map([...(options.connectTo ?? [])].map(([from, to]) => [from, pin(from, to)]));

  return {
    async resolve(host, port) {
      const target = pinned.get(`${host}:${port}`);
      if (target !== undefined) return target;
      const bare = withoutBrackets(host);
      const addresses = isIP(bare) === 0 ? await addressesOf(lookup, host) : [literal(bare)];
      // One forbidden address condemns the name: whoever answers for it chose to name it, and which address would be
      // connected to must not depend on which of them answers first.
      const own = listOf(ownAddresses());
      for (const { address } of addresses) {
        const reason = forbiddenAddress(address, own);
        if (reason !== null) {
          throw new ForwardError(
            'UpstreamNameRefused',
            false,
            `The host ${host} leads to ${reason}.`,
          );
        }
      }
      return { addresses, port };
    },
  };
}

function listOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  return list;
}

async function addressesOf(lookup: Lookup, host: string): Promise<readonly LookupAddress[]> {
  let addresses: readonly LookupAddress[];
  try {
    addresses = await lookUpOutside(host, lookup);
  } catch (cause) {
    throw new ForwardError('UpstreamUnresolved', false, `The host ${host} cannot be resolved.`, {
      cause,
    });
  }
  if (addresses.length === 0) {
    throw new ForwardError('UpstreamUnresolved', false, `The host ${host} has no address.`);
  }
  return addresses;
}

function pin(from: string, to: string): Target {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(to);
  const address = match?.[1] ?? match?.[2] ?? '';
  if (match === null || isIP(address) === 0) {
    throw new TypeError(`connectTo ${from}: "${to}" is not address:port`);
  }
  return { addresses: [literal(address)], port: Number(match[3]) };
}

function literal(address: string): LookupAddress {
  return { address, family: isIP(address) };
}
