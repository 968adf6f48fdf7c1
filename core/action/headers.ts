/**
 * How each request header is treated. What is in none of these tables belongs to the action: it must be in the grant, or
 * the call is refused by name. Dropping it silently would widen the action (`X-Dry-Run`, `If-Match`).
 */

import { INERT_HEADERS } from './inert-headers.ts';

/** Credentials of the agent's own: never forwarded, since authority comes from the grant alone. */
export const STRIPPED_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-connection',
]);

/** Message framing and routing (RFC 9110 7.6.1, 7.8): consumed by the proxy, rebuilt for the upstream. */
export const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a header (lower-case name) may be listed in a grant: it must be one that belongs to the action. */
export function belongsToAction(name: string, inert: ReadonlySet<string> = INERT_HEADERS): boolean {
  return !inert.has(name) && !STRIPPED_HEADERS.has(name) && !FRAMING_HEADERS.has(name);
}
