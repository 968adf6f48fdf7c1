/** From a host to addresses that may be connected to: what is checked here is what is connected to. */

import type { LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { withoutBrackets } from '../../core/text/url.ts';
import { atOnce, type Lookup, lookUpOutside, systemLookup } from '../dns/lookup.ts';
import { ForwardError } from './error.ts';
import { carriesAddress, forbiddenAddress, privateAddress } from './forbidden-address.ts';
import { familyOf, networkList } from './network-list.ts';
import type { PrivateDestinations } from './private-destinations.ts';

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
  /** The networks that those are in, as `address/prefix`. Asked anew each time. */
  ownNetworks?: () => readonly string[];
  /** Where the administrator lets names lead to private addresses. */
  privateDestinations?: PrivateDestinations;
  /** The suffixes that the pod's resolver tries: which names are the cluster's own follows from them. */
  searchDomains?: readonly string[];
}

/**
 * Names that are looked up at a time. Each has one of the four threads of libuv for as long as the resolver takes, and so have the
 * files and the name that the report of a use's end needs: they must not wait for names that an agent was granted (P3).
 */
const LOOKUPS_AT_ONCE = 2;

export function createResolver(options: ResolverOptions = {}): Resolver {
  const { ownAddresses = () => [], ownNetworks = () => [] } = options;
  const lookup = atOnce(LOOKUPS_AT_ONCE, options.lookup ?? systemLookup);
  const { searchDomains = [], privateDestinations } = options;
  const mayBePrivate = (host: string, address: string): boolean =>
    privateDestinations?.includes(host, address) === true;
  const pinned = new Map([...(options.connectTo ?? [])].map(([from, to]) => [from, pin(from, to)]));

  return {
    async resolve(host, port) {
      const target = pinned.get(`${host}:${port}`);
      if (target !== undefined) return target;
      const bare = withoutBrackets(host);
      const isLiteral = isIP(bare) !== 0;
      const addresses = isLiteral ? [literal(bare)] : await addressesOf(lookup, host);
      // One forbidden address condemns the name: whoever answers for it chose to name it, and which address would be
      // connected to must not depend on which of them answers first.
      const own = listOf(ownAddresses());
      for (const { address } of addresses) {
        const reason = forbiddenAddress(address, own);
        if (reason !== null) throw refused(`The host ${host} leads to ${reason}.`);
      }
      // An address in plain sight is what the grant says. A name says nothing of where it leads, today or tomorrow.
      if (isLiteral && !carriesAddress(bare)) return { addresses, port };
      const near = networkList(ownNetworks());
      const hidden = addresses.flatMap(({ address }) => {
        const reason = privateAddress(address, near);
        return reason === null || mayBePrivate(host, address) ? [] : [{ address, reason }];
      });
      const [first] = hidden;
      const isCluster = async () =>
        !isLiteral &&
        isClusterName(
          host,
          hidden.map(({ address }) => address),
          searchDomains,
          lookup,
        );
      if (first !== undefined && !(await isCluster())) {
        throw refused(
          `The host ${host} leads to ${first.reason}. An administrator can allow that in the chart's sidecar.privateDestinations.`,
        );
      }
      return { addresses, port };
    },
  };
}

function listOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address, familyOf(address));
  return list;
}

/**
 * Whether it is as a name of this cluster that a host leads to addresses. `edr.soc` may be a Service or a name of the Internet: it
 * counts as the Service's if that is at these addresses.
 */
async function isClusterName(
  host: string,
  addresses: readonly string[],
  searchDomains: readonly string[],
  lookup: Lookup,
): Promise<boolean> {
  // Nobody but the pod's own resolver can say where a name of one label leads, and no top-level domain is called `svc`.
  if (!host.includes('.') || host.endsWith('.svc')) return true;
  // The kubelet's three come first (`soc.svc.cluster.local`): the pod's author may have added others.
  const own = searchDomains.map((domain) => /^[^.]+\.(svc\..+)$/.exec(domain));
  const [namespace, services] = own.find((match) => match !== null) ?? [];
  if (namespace === undefined || services === undefined) return false;
  if (host.endsWith(`.${services}`)) return true;
  for (const domain of [namespace, services]) {
    const found = await lookUpOutside(`${host}.${domain}.`, lookup).catch(() => []);
    const theirs = new Set(found.map(({ address }) => address));
    if (addresses.every((address) => theirs.has(address))) return true;
  }
  return false;
}

function refused(detail: string): ForwardError {
  return new ForwardError('UpstreamNameRefused', false, detail);
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
