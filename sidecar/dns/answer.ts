/** What the sidecar's DNS answers. It asks nobody: whether a name exists is found out once a grant matched. */

import type { Answer, Question } from 'dns-packet';
import { addressBytes } from '../../core/text/ip-address.ts';
import { RCODE, type Rcode } from './message.ts';
import type { AddressFamily, SyntheticAddresses } from './synthetic-addresses.ts';

/** Families that the pod has addresses of: a client given an address of another could not even start to connect. */
export type AddressFamilies = Readonly<Record<AddressFamily, boolean>>;

export interface DNSAnswer {
  rcode: Rcode;
  answers: Answer[];
}

/** Short, so that a name that was forgotten here is soon asked for again. */
const TTL_SECONDS = 30;

/** RFC 1123 2.1 labels, with the underscores that some names have. */
const NAME = /^(?=.{1,253}$)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.|$))+(?<!\.)$/;
/** `10.0.0.1` as a name, or `0x7f.1`, would be taken for an address further on (WHATWG URL 3.5). */
const ENDS_IN_NUMBER = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;
/** Infrastructure, not hosts. In `ipv4only.arpa`, an address would be taken as the network's NAT64 prefix (RFC 7050). */
const REVERSE = /(?:^|\.)(?:in-addr|ip6|ipv4only)\.arpa$/;
/** RFC 6761 6.4: never exists. */
const INVALID = /(?:^|\.)invalid$/;
/** RFC 6761 6.3: always the pod itself. */
const LOCALHOST = /(?:^|\.)localhost$/;
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const;

const TYPES: Readonly<Record<string, AddressFamily>> = { A: 'ipv4', AAAA: 'ipv6' };

const REFUSED: DNSAnswer = { rcode: RCODE.refused, answers: [] };
const NAME_ERROR: DNSAnswer = { rcode: RCODE.nameError, answers: [] };
/** The name may exist, but not with this type. So HTTPS records (RFC 9460), and with them encrypted server names, are absent. */
const NO_DATA: DNSAnswer = { rcode: RCODE.noError, answers: [] };

export function answerQuestion(
  { name, type, class: ofClass }: Question,
  addresses: SyntheticAddresses,
  families: AddressFamilies,
): DNSAnswer {
  if (ofClass !== 'IN' || type === 'AXFR' || type === 'IXFR') return REFUSED;
  const host = name.toLowerCase();
  if (type === 'PTR' && REVERSE.test(host)) return reverse(name, host, addresses);
  if (!isHost(host)) return NAME_ERROR;
  const family = TYPES[type];
  if (family === undefined || !families[family]) return NO_DATA;
  const data = LOCALHOST.test(host) ? LOOPBACK[family] : addresses.allocate(host, family);
  return found({ name, type: family === 'ipv4' ? 'A' : 'AAAA', ttl: TTL_SECONDS, data });
}

const isHost = (host: string): boolean =>
  NAME.test(host) && ![ENDS_IN_NUMBER, REVERSE, INVALID].some((pattern) => pattern.test(host));

const found = (answer: Answer): DNSAnswer => ({ rcode: RCODE.noError, answers: [answer] });

function reverse(asked: string, host: string, addresses: SyntheticAddresses): DNSAnswer {
  const address = reversedAddress(host);
  if (address === null) return NAME_ERROR;
  const isLoopback = Object.values<string>(LOOPBACK).includes(address);
  const data = isLoopback ? 'localhost' : addresses.nameOf(address);
  if (data === undefined) return NAME_ERROR;
  return found({ name: asked, type: 'PTR', ttl: TTL_SECONDS, data });
}

/** The address whose name is asked for (RFC 1035 3.5, RFC 3596 2.5). */
function reversedAddress(host: string): string | null {
  const labels = host.split('.').slice(0, -2).reverse();
  if (host.endsWith('.in-addr.arpa')) {
    const address = labels.join('.');
    return addressBytes(address)?.length === 4 ? address : null;
  }
  if (labels.length !== 32 || !labels.every((label) => /^[0-9a-f]$/.test(label))) return null;
  const groups = labels.join('').match(/.{4}/g) ?? [];
  const address = groups.join(':');
  return address === '0000:0000:0000:0000:0000:0000:0000:0001' ? LOOPBACK.ipv6 : address;
}
