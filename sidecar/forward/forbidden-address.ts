/** Addresses that no name may lead to: the proxy must be no bridge to its own pod, its node or a cloud's metadata. */

import type { BlockList } from 'node:net';
import { addressBytes } from '../../core/text/ip-address.ts';
import { networkList } from './network-list.ts';

/** Each rule with its reason; the first that holds is told to the caller. */
const RULES: ReadonlyArray<readonly [reason: string, subnets: readonly string[]]> = [
  [
    'a metadata address',
    [
      '169.254.169.254/32', // AWS, Azure, GCP, OpenStack and most others
      '169.254.170.0/24', // AWS ECS and EKS task credentials
      '100.100.100.200/32', // Alibaba Cloud
      '168.63.129.16/32', // Azure wire server
      '192.0.0.192/32', // Oracle Cloud
      'fd00:ec2::254/128', // AWS
      'fd00:ec2::23/128', // AWS EKS Pod Identity
      'fd20:ce::254/128', // GCP
      'fd00:c1::a9fe:a9fe/128', // Oracle Cloud
      'fd00:42::42/128', // Scaleway
    ],
  ],
  ['a loopback address', ['127.0.0.0/8', '::1/128']],
  ['an unspecified address', ['0.0.0.0/8', '::/128']],
  ['a link-local address', ['169.254.0.0/16', 'fe80::/10', 'fec0::/10']],
  ['a multicast address', ['224.0.0.0/4', 'ff00::/8']],
  [
    'a reserved address',
    ['240.0.0.0/4', '192.0.0.0/24', '192.88.99.0/24', '100::/63', '2001::/32', '5f00::/16'],
  ],
];

/** Networks that are somebody's own: a public name may lead there only where the administrator said so. */
const PRIVATE_RULES: typeof RULES = [
  ['a private address', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']], // RFC 1918, RFC 4193
  ['a shared address', ['100.64.0.0/10']], // RFC 6598; clouds put nodes and pods there
  ['a benchmarking address', ['198.18.0.0/15', '2001:2::/48']], // RFC 2544, RFC 5180
];

const LISTS = listsOf(RULES);
const PRIVATE_LISTS = listsOf(PRIVATE_RULES);

function listsOf(rules: typeof RULES) {
  return rules.map(([reason, networks]) => ({ reason, list: networkList(networks) }));
}

/** RFC 4291 2.4: what is given out for the Internet. */
const GLOBAL = networkList(['2000::/3']);

/**
 * IPv6 prefixes that carry an IPv4 address, and where in it: mapped (RFC 4291 2.5.5.2), compatible (2.5.5.1), translated
 * (RFC 2765), NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056). What they carry is judged too.
 */
const CARRIERS: ReadonlyArray<readonly [prefix: readonly number[], at: number]> = [
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 12],
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 12],
  [[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], 12],
  [[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], 12],
  [[0, 0x64, 0xff, 0x9b, 0, 1], 12],
  [[0x20, 0x02], 2],
];

/** The IPv4 address that one of IPv6 carries, in text, or null. */
function carriedAddress(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return null;
  for (const [prefix, at] of CARRIERS) {
    if (prefix.every((byte, i) => bytes[i] === byte)) return bytes.subarray(at, at + 4).join('.');
  }
  return null;
}

/**
 * Why an address may never be connected to, or null if it may. Text that is no address may not.
 *
 * @param own the pod's own addresses: who listens there is the agent
 */
export function forbiddenAddress(address: string, own?: BlockList): string | null {
  const bytes = addressBytes(address);
  if (bytes === null) return 'not an IP address';
  const family = bytes.length === 4 ? 'ipv4' : 'ipv6';
  for (const { reason, list } of LISTS) if (list.check(address, family)) return reason;
  if (own?.check(address, family) === true) return "the pod's own address";
  const carried = carriedAddress(bytes);
  if (carried !== null) return forbiddenAddress(carried, own);
  const isKnown = bytes.length === 4 || GLOBAL.check(address, family);
  return isKnown || privateAddress(address) !== null ? null : 'a reserved address';
}

/**
 * Why an address is no public one, or null if it is public. What {@link forbiddenAddress} forbids is not asked for here.
 *
 * @param near further networks that are not the Internet: those that the pod is in
 */
export function privateAddress(address: string, near?: BlockList): string | null {
  const bytes = addressBytes(address);
  if (bytes === null) return 'not an IP address';
  const family = bytes.length === 4 ? 'ipv4' : 'ipv6';
  for (const { reason, list } of PRIVATE_LISTS) if (list.check(address, family)) return reason;
  if (near?.check(address, family) === true) return "an address of the pod's own network";
  const carried = carriedAddress(bytes);
  return carried === null ? null : privateAddress(carried, near);
}

/** Whether an address is written as one of IPv6 that carries one of IPv4. */
export function carriesAddress(address: string): boolean {
  const bytes = addressBytes(address);
  return bytes !== null && carriedAddress(bytes) !== null;
}
