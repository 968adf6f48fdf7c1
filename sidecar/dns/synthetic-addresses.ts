/**
 * Addresses that stand for names. The sidecar cannot ask where a name is before a grant matched, so each name gets an address
 * of networks that lead nowhere; by it a redirected connection is known to be for that name.
 */

import { createHash } from 'node:crypto';
import { BlockList } from 'node:net';
import { SYNTHETIC_NETWORKS } from '../../core/api/pod-layout.ts';
import { addressBytes } from '../../core/text/ip-address.ts';

export type AddressFamily = keyof typeof SYNTHETIC_NETWORKS;

export interface SyntheticAddresses {
  /** The address of a name (in lower case, without a final dot); the same for as long as the name is remembered. */
  allocate(name: string, family: AddressFamily): string;
  /** The name that an address stands for, or undefined if it stands for none (any more). */
  nameOf(address: string): string | undefined;
  /** Whether an address can only have come from here, even if its name was forgotten. */
  isSynthetic(address: string): boolean;
}

/** Names that are remembered; the least recently used go first. */
const CAPACITY = 8192;

const NETWORKS = {
  ipv4: network(SYNTHETIC_NETWORKS.ipv4),
  ipv6: network(SYNTHETIC_NETWORKS.ipv6),
};
const FAMILIES = ['ipv4', 'ipv6'] as const satisfies readonly AddressFamily[];

const SYNTHETIC = new BlockList();
for (const family of FAMILIES) {
  const { base, bits } = NETWORKS[family];
  SYNTHETIC.addSubnet(format(base), bits, family);
}

type Addresses = Readonly<Record<AddressFamily, string>>;

export function createSyntheticAddresses(capacity: number = CAPACITY): SyntheticAddresses {
  /** In the order of use. */
  const addressesOf = new Map<string, Addresses>();
  const nameOf = new Map<string, string>();

  /** From the name's hash, so that it is the same after a restart, when clients still remember it, but for collisions. */
  const free = (name: string, family: AddressFamily): string => {
    for (let attempt = 0; ; attempt += 1) {
      const address = derive(family, `${attempt} ${name}`);
      if (!nameOf.has(address)) return address;
    }
  };

  const remember = (name: string): Addresses => {
    const known = addressesOf.get(name);
    const addresses = known ?? { ipv4: free(name, 'ipv4'), ipv6: free(name, 'ipv6') };
    addressesOf.delete(name);
    addressesOf.set(name, addresses);
    for (const family of FAMILIES) nameOf.set(addresses[family], name);
    return addresses;
  };

  const forgetOldest = (): void => {
    const [oldest] = addressesOf;
    if (oldest === undefined || addressesOf.size <= capacity) return;
    const [name, addresses] = oldest;
    addressesOf.delete(name);
    for (const family of FAMILIES) nameOf.delete(addresses[family]);
  };

  return {
    allocate(name, family) {
      const addresses = remember(name);
      forgetOldest();
      return addresses[family];
    },
    nameOf(address) {
      const bytes = addressBytes(address);
      const name = bytes === null ? undefined : nameOf.get(format(bytes));
      if (name !== undefined) remember(name);
      return name;
    },
    isSynthetic: isSyntheticAddress,
  };
}

/** Whether an address can only have come from a sidecar's DNS. False for text that is no address. */
export function isSyntheticAddress(address: string): boolean {
  const bytes = addressBytes(address);
  return bytes !== null && SYNTHETIC.check(address, bytes.length === 4 ? 'ipv4' : 'ipv6');
}

interface Network {
  base: Uint8Array;
  bits: number;
}

function network(text: string): Network {
  const [address = '', bits] = text.split('/');
  const base = addressBytes(address);
  if (base === null) throw new TypeError(`not a network: ${text}`);
  return { base, bits: Number(bits) };
}

/** The network's bits, then those of the hash. */
function derive(family: AddressFamily, text: string): string {
  const { base, bits } = NETWORKS[family];
  const hash = createHash('sha256').update(text).digest();
  return format(
    base.map((byte, i) => {
      const ofNetwork = Math.min(8, Math.max(0, bits - 8 * i));
      const hostMask = 0xff >> ofNetwork;
      return (byte & ~hostMask) | ((hash[i] ?? 0) & hostMask);
    }),
  );
}

/** One text for one address; IPv6 without `::`, which every reader takes too. */
function format(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':');
}
