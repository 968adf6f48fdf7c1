/** What the interceptor knows of a call before its body: the bytes as they came, nothing decided. */

/**
 * Where a redirected connection was going: to the name whose synthetic address it used, or to an address that was never
 * looked up. `synthetic`: an address that stands for a name, but no longer for one that is known.
 */
export type Destination = { port: number } & (
  | { name: string }
  | { address: string; synthetic: boolean }
);

export interface RequestHead {
  /**
   * How the call reached us: an absolute-form request to the proxy, TLS inside a CONNECT tunnel, or a connection that the
   * packet filter redirected.
   */
  via: 'absolute-form' | 'connect' | 'transparent';
  httpVersion: '1.0' | '1.1' | '2';
  /** Of the connection the call came over, not of its target; for h2 what `:scheme` says. */
  scheme: 'http' | 'https';
  /** The CONNECT target as the client wrote it, `host:port`. */
  connectAuthority?: string;
  /** Of a redirected connection, and only of one. */
  destination?: Destination;
  /** TLS server name; false if the client sent none; absent without TLS. */
  sni?: string | false;
  method: string;
  /** Request target as it came: absolute-form, origin-form, or h2 `:path`. */
  target: string;
  /** h2 `:authority`. */
  authority?: string;
  /** Names and values alternating, as they came; without h2 pseudo-headers. */
  rawHeaders: readonly string[];
}
