/** What describing a head yields: the action as far as it is known before its body, and what may be sent upstream. */

import type { WithoutBody } from '../../core/action/action-type.ts';
import type { HeaderPair } from '../../core/text/header-pair.ts';
import type { MediaType } from './content-type.ts';

/** What the head says about the body that follows (RFC 9112 6.3). */
export type BodyExpectation =
  | { kind: 'none' }
  | { kind: 'length'; bytes: number }
  /** Chunked, or an HTTP/2 stream without content-length: there may turn out to be no byte. */
  | { kind: 'stream' };

/**
 * The request to send if a grant covers the call: built from what was judged, never copied from the wire. Without Host,
 * framing and credentials.
 */
export interface UpstreamHead {
  scheme: 'http' | 'https';
  host: string;
  port: number;
  method: string;
  /** Path and query. */
  path: string;
  headers: readonly HeaderPair[];
}

/**
 * How a body may be read as JSON, for grants that compare JSON: as its content type says (`json`), because YAML takes JSON too
 * (`yaml`), or not at all. A body that turns out to be something else has no such reading, and all others are left.
 */
export type JsonReading = 'json' | 'yaml' | 'no';

/** A call that a grant may cover; each type of action adds what it knows besides. */
export interface ActionHead<A> {
  action: WithoutBody<A>;
  upstream: UpstreamHead;
  body: BodyExpectation;
  json: JsonReading;
  /** Of a body in parts, whose boundary is another one each time. */
  multipart?: MediaType;
}

/** A read of what the API server offers, without any object: whether it is let through is not described but decided. */
export interface DiscoveryDescription {
  kind: 'discovery';
  upstream: UpstreamHead;
}
