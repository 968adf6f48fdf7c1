/**
 * An Action: what a call would do, described from the bytes on the wire. Every field is present and canonical, so that two
 * Actions are the same exactly if their canonical JSON is.
 */

/** What is known of a call's body. */
export type ActionBody =
  | { kind: 'none' }
  /** `sha256`: of the raw bytes, hex. `jsonSha256`: of the RFC 8785 bytes, when the content type says JSON. */
  | { kind: 'bytes'; sha256: string; jsonSha256?: string }
  /** Larger than the buffering limit, so not read: only `Any` can match. */
  | { kind: 'unread' };

export interface HttpAction {
  type: 'HTTP';
  method: string;
  /** As `formatUrl` writes it. */
  url: string;
  /** Lower-case names; only headers that belong to the action. */
  headers: Record<string, string>;
  body: ActionBody;
}

export type PatchType = 'JSON' | 'Merge' | 'StrategicMerge';

/** The API server's own reading of a request (RequestInfo). What is absent is the empty string. */
export interface KubernetesAction {
  type: 'Kubernetes';
  /** get, list, watch, create, update, patch, apply, delete, deletecollection. */
  verb: string;
  apiGroup: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  patchType?: PatchType;
  queryParameters: Record<string, string>;
  body: ActionBody;
}

export type Action = HttpAction | KubernetesAction;
