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

interface CallDescription {
  upstream: UpstreamHead;
  body: BodyExpectation;
  /**
   * Whether the body has a JSON reading: `required` by its content type (then anything but strict JSON is refused),
   * `possible` (YAML, of which JSON is a part), or `no`.
   */
  json: 'required' | 'possible' | 'no';
}

export interface HttpDescription extends CallDescription {
  kind: 'http';
  action: WithoutBody<HttpAction>;
}

export interface KubernetesDescription extends CallDescription {
  kind: 'kubernetes';
  action: WithoutBody<KubernetesAction>;
}

/** A read of what the API server offers, without any object: whether it is let through is not described but decided. */
export interface DiscoveryDescription {
  kind: 'discovery';
  upstream: UpstreamHead;
}

export type HeadDescription = HttpDescription | KubernetesDescription | DiscoveryDescription;

export interface DescribeContext {
  kubernetes: {
    /** `host:port`, lower case, under which this cluster's API server is reached. */
    authorities: readonly string[];
  };
  /** Names that the chart adds to the inert headers. */
  inertHeaders: readonly string[];
  /** Suffixes that the pod's resolver tries for short names (resolv.conf), lower case, without dots around them. */
  searchDomains: readonly string[];
}
