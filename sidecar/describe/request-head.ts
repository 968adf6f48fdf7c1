/** What the interceptor knows of a call before its body: the bytes as they came, nothing decided. */

export interface RequestHead {
  /** How the call reached us: an absolute-form request to the proxy, or TLS inside a CONNECT tunnel. */
  via: 'absolute-form' | 'connect';
  httpVersion: '1.0' | '1.1' | '2';
  /** Of the connection the call came over, not of its target; for h2 what `:scheme` says. */
  scheme: 'http' | 'https';
  /** The CONNECT target as the client wrote it, `host:port`. */
  connectAuthority?: string;
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
