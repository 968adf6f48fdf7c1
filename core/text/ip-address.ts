/** IP addresses as bytes. */

import { isIP, isIPv4 } from 'node:net';

/**
 * The 4 or 16 bytes of an address in text, or null if it is none. A zone (`fe80::1%eth0`) is not part of an address here.
 */
export function addressBytes(text: string): Uint8Array | null {
  if (text.includes('%') || isIP(text) === 0) return null;
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  // RFC 4291 2.2: the last 32 bits may be written as an IPv4 address.
  const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0];
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const hex = dotted === undefined ? text : text.slice(0, -dotted.length) + dottedAsGroups(dotted);
  const [left = '', right] = hex.split('::');
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function dottedAsGroups(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
