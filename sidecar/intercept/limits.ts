/** How much one pod's clients may hold at once. Defaults fit one agent; the sidecar's memory bounds them. */

export interface InterceptLimits {
  /** Client connections at a time; more are closed at once. */
  connections: number;
  /** Bytes of one request head, names and values. */
  headBytes: number;
  /** Bytes of the heads of all calls and waiting requests together; what has no room is turned away. */
  headsBytes: number;
  /** Header lines of one request. */
  headerCount: number;
  /** HTTP/2 streams at a time on one connection. */
  streams: number;
  /** Calls at a time on all connections together; more are refused, HTTP/2 streams by a reset. */
  calls: number;
  /** HTTP/1.1 requests at a time on one connection: the one that is served, and those that wait behind it. */
  pipelined: number;
  /** From the connection's start to its first request head: bounds TLS handshakes and slow heads. */
  headMilliseconds: number;
  /** From a redirected connection's start to bytes that tell its protocol: with many others the server speaks first. */
  silenceMilliseconds: number;
  /** Without a request, or with one whose body does not come or whose answer is not taken: the connection is closed. */
  idleMilliseconds: number;
}

export const DEFAULT_INTERCEPT_LIMITS: InterceptLimits = {
  connections: 512,
  headBytes: 32 * 1024,
  headsBytes: 4 * 1024 * 1024,
  headerCount: 128,
  streams: 100,
  calls: 1_024,
  pipelined: 2,
  headMilliseconds: 15_000,
  silenceMilliseconds: 5_000,
  idleMilliseconds: 60_000,
};
