/**
 * How each request header is treated. What is in none of these tables belongs to the action: it must be in the grant, or
 * the call is refused by name. Dropping it silently would widen the action (`X-Dry-Run`, `If-Match`).
 */

/** Headers without an effect at the server, forwarded as they are. The chart can add names. */
export const INERT_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-encoding',
  'content-type',
  'dnt',
  'idempotency-key',
  'pragma',
  'priority',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'user-agent',
  // W3C Trace Context, Baggage and B3
  'baggage',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-flags',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-request-id',
  'x-correlation-id',
  // Telemetry of well-known SDKs
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'x-amz-user-agent',
  'x-goog-api-client',
  'x-ms-client-request-id',
  'x-stainless-arch',
  'x-stainless-lang',
  'x-stainless-os',
  'x-stainless-package-version',
  'x-stainless-retry-count',
  'x-stainless-runtime',
  'x-stainless-runtime-version',
  'x-stainless-timeout',
  // Clocks: when the client sent the call, and how long it waits (RFC 9110 6.6.1, gRPC over HTTP/2, Connect)
  'connect-timeout-ms',
  'date',
  'grpc-timeout',
  // npm: who asks and why, the session new with every run (npm-registry-fetch, pacote)
  'npm-auth-type',
  'npm-command',
  'npm-scope',
  'npm-session',
  'pacote-integrity',
  'pacote-pkg-id',
  'pacote-req-type',
  'pacote-version',
  // kubectl, KEP-859
  'kubectl-command',
  'kubectl-session',
]);

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

/** RFC 9110 5.6.2 token, lower case. */
export const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110 5.5 without obs-text: printable ASCII, spaces and tabs inside only. */
export const HEADER_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/;

/** Whether a header (lower-case name) may be listed in a grant: it must be one that belongs to the action. */
export function belongsToAction(name: string, inert: ReadonlySet<string> = INERT_HEADERS): boolean {
  return !inert.has(name) && !STRIPPED_HEADERS.has(name) && !FRAMING_HEADERS.has(name);
}
