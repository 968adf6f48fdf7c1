/** What an administrator writes to say which private addresses names may lead to: a host, hosts below a domain, or a network. */

import { isIP } from 'node:net';
import { addressBytes } from './ip-address.ts';

export type PrivateDestination =
  | { readonly kind: 'Host'; readonly host: string }
  /** Every name that ends in it; it begins with a dot. */
  | { readonly kind: 'Domain'; readonly suffix: string }
  | { readonly kind: 'Network'; readonly address: string; readonly prefix: number };

const FORM = 'a host in lower case, "*." and a domain, or a network such as 10.20.0.0/16';
/** RFC 1123 2.1, with the underscores that some names have. */
const NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const ENDS_IN_NUMBER = /(?:^|\.)[0-9]+$/;

/** @throws TypeError in words that name the form */
export function parsePrivateDestination(text: string): PrivateDestination {
  const network = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(text);
  const address = network?.[1] ?? '';
  if (isIP(address) !== 0) return networkOf(text, address, network?.[2]);
  const name = text.startsWith('*.') ? text.slice(2) : text;
  if (!NAME.test(name) || ENDS_IN_NUMBER.test(name)) {
    throw new TypeError(`must be ${FORM}, not "${text}"`);
  }
  return name === text ? { kind: 'Host', host: name } : { kind: 'Domain', suffix: `.${name}` };
}

function networkOf(text: string, address: string, bits: string | undefined): PrivateDestination {
  const bytes = addressBytes(address);
  const width = (bytes?.length ?? 0) * 8;
  const prefix = bits === undefined ? width : Number(bits);
  if (bytes === null || prefix > width) throw new TypeError(`must be ${FORM}, not "${text}"`);
  // `10.20.30.40/16` is a slip: one of the two numbers is not what was meant.
  const beyond = bytes.some(
    (byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, prefix - 8 * i)))) !== 0,
  );
  if (beyond) throw new TypeError(`has bits behind its prefix: "${text}"`);
  return { kind: 'Network', address, prefix };
}
