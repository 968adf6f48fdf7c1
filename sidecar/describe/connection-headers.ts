/** Headers that are about the connection and not about the call (RFC 9110 7.6.1, 7.8). */

import { listOf } from './header-list.ts';
import { refuse } from './header-refusal.ts';
import type { RequestHead } from './request-head.ts';

const UPGRADE_REASON = 'an upgraded connection would carry calls that nobody decided';

/**
 * Offers to go on in another version of HTTP, or with TLS, that a server may pass over (RFC 9110 7.8); the client then stays with
 * what it has. Whoever asks for anything else (WebSocket, SPDY, `tcp`) cannot do without.
 */
const OPTIONAL_UPGRADE = /^(?:h2c?|http(?:\/[0-9.]+)?|tls(?:\/[0-9.]+)?)$/i;

/** What the Connection headers name, lower case. A name from one of our tables is treated as the table says all the same. */
export function connectionOptions({
  rawHeaders,
}: Pick<RequestHead, 'rawHeaders'>): ReadonlySet<string> {
  const options = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'connection') continue;
    for (const option of listOf(rawHeaders[i + 1] ?? '')) options.add(option.toLowerCase());
  }
  return options;
}

/**
 * Our connection's own headers are dropped, whatever they say; what asks for more than can be dropped is refused.
 * @throws ProblemError
 */
export function checkConnectionHeader(
  name: string,
  value: string,
  version: RequestHead['httpVersion'],
): void {
  if (name === 'expect') checkExpect(version, value);
  if (name === 'upgrade' && !listOf(value).every((offer) => OPTIONAL_UPGRADE.test(offer))) {
    throw refuse(name, UPGRADE_REASON, 'UpgradeRefused');
  }
  if (version === '2' && (name === 'connection' || name === 'keep-alive')) {
    throw refuse(name, 'HTTP/2 has no such header (RFC 9113 8.2.2)', 'RequestMalformed');
  }
}

function checkExpect(version: RequestHead['httpVersion'], value: string): void {
  // RFC 9110 10.1.1 defines one expectation, and has it ignored in HTTP/1.0.
  if (value.toLowerCase() === '100-continue' || version === '1.0') return;
  throw refuse('expect', 'only 100-continue is known', 'ExpectationRefused');
}
