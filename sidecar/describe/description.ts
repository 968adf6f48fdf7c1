/** What describing a head yields: the action as far as it is known before its body, and what may be sent upstream. */

import type { WithoutBody } from '../../core/action/action-type.ts';
import type { HttpAction } from '../../core/action/http.ts';
import type { KubernetesAction } from '../../core/action/kubernetes.ts';

/** A header as it goes over the wire, lower-case name. */
export type HeaderPair = readonly [name: string, value: string];

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

interface ActionHead {
  upstream: UpstreamHead;
  body: BodyExpectation;
  /**
   * Whether the body has a JSON reading: `required` by its content type (then anything but strict JSON is refused),
   * `possible` (YAML, of which JSON is a part), or `no`.
   */
  json: 'required' | 'possible' | 'no';
}

export interface HttpDescription extends ActionHead {
  kind: 'http';
  action: WithoutBody<HttpAction>;
}

export interface KubernetesDescription extends ActionHead {
  kind: 'kubernetes';
  action: WithoutBody<KubernetesAction>;
  /** `type/subtype` of the body; null if the head has none. */
  contentType: string | null;
}

/** A call that a grant may cover. */
export type ActionDescription = HttpDescription | KubernetesDescription;

/** A read of what the API server offers, without any object: whether it is let through is not described but decided. */
export interface DiscoveryDescription {
  kind: 'discovery';
  upstream: UpstreamHead;
}

export type HeadDescription = ActionDescription | DiscoveryDescription;
