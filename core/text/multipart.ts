/**
 * Multipart bodies (RFC 2046 5.1) in one spelling. Clients make up another boundary for every call, and it means nothing: the
 * parts are the same. So it is replaced by one that follows from the parts.
 */

import { sha256Hex } from './sha256.ts';

export interface CanonicalMultipart {
  bytes: Uint8Array;
  boundary: string;
}

const CRLF = Buffer.from('\r\n');
const END = Buffer.from('--');
/** More than forms have: of 1 MiB of empty parts each would take a hundred times its size. */
const MAX_PARTS = 1_000;

/**
 * Undefined if the body could be read in two ways: with text before its first boundary or after its last, white space behind a
 * boundary, a line that only begins like one; and if it has more than `MAX_PARTS` parts.
 */
export function canonicalMultipart(
  body: Uint8Array,
  boundary: string,
): CanonicalMultipart | undefined {
  const parts = partsOf(body, boundary);
  if (parts === undefined) return undefined;
  const lengths = parts.map(({ length }) => length).join();
  const name = `actiongrant-${sha256Hex(Buffer.concat([Buffer.from(`${lengths}\n`), ...parts])).slice(0, 40)}`;
  // By chance it never is.
  if (parts.some((part) => part.includes(name))) return undefined;
  return {
    bytes: Buffer.concat([
      ...parts.flatMap((part) => [Buffer.from(`--${name}\r\n`), part, CRLF]),
      Buffer.from(`--${name}--\r\n`),
    ]),
    boundary: name,
  };
}

function partsOf(body: Uint8Array, boundary: string): Buffer[] | undefined {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // With a line end before it, the first delimiter is like every other.
  const text = Buffer.concat([CRLF, body]);
  if (!text.subarray(0, delimiter.length).equals(delimiter)) return undefined;
  const parts: Buffer[] = [];
  for (let at = delimiter.length; ; ) {
    const start = at + CRLF.length;
    const mark = text.subarray(at, start);
    if (mark.equals(END)) {
      const rest = text.subarray(start);
      const isWhole = parts.length > 0 && (rest.length === 0 || rest.equals(CRLF));
      return isWhole ? parts : undefined;
    }
    // A delimiter that follows at once shares its line end: a part without even a head.
    const next = text.indexOf(delimiter, at);
    if (!mark.equals(CRLF) || next < start) return undefined;
    if (parts.length === MAX_PARTS) return undefined;
    parts.push(text.subarray(start, next));
    at = next + delimiter.length;
  }
}
