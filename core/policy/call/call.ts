/** A call as policies see it: what its Action says, taken apart once, however many rules look at it. */

import type { Action } from '../../action/action.ts';
import type { HttpAction } from '../../action/http.ts';
import type { KubernetesAction } from '../../action/kubernetes.ts';
import type { JsonValue } from '../../text/json.ts';
import { DEFAULT_PORT } from '../../text/url.ts';
import type { Agent } from './agent.ts';
import { type CallPath, readCallPath } from './path.ts';

/** Bytes of a body up to which a condition reads it: what a sidecar sends along, so that the controller judges by the same. */
export const READABLE_BODY_BYTES = 64 * 1024;

/** What is known of a body beside its digests in the Action. */
export interface CallBody {
  readonly bytes: number;
  /** Its reading as JSON, if it has one. */
  readonly json?: JsonValue;
}

interface Judged {
  readonly agent: Agent;
  readonly now: Date;
}

/** One field: alike for all calls that the same rules may match. */
interface Keyed {
  readonly key: string;
}

export interface HttpCall extends Judged, Keyed {
  readonly kind: 'http';
  readonly action: HttpAction;
  readonly body: CallBody | undefined;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: CallPath;
  /** With its `?`, or empty. */
  readonly query: string;
}

export interface KubernetesCall extends Judged, Keyed {
  readonly kind: 'kubernetes';
  readonly action: KubernetesAction;
  readonly body: CallBody | undefined;
}

/** A connection that is no HTTP. */
export interface TcpCall extends Judged, Keyed {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

export type Call = HttpCall | KubernetesCall | TcpCall;

/**
 * @param action canonical
 * @param body undefined if it was not read: then no condition can read it
 */
export function callOf(
  action: Action,
  body: CallBody | undefined,
  agent: Agent,
  now: Date,
): HttpCall | KubernetesCall {
  if (action.type === 'Kubernetes') {
    const key = `${action.apiGroup}/${action.resource}/${action.subresource}`;
    return { kind: 'kubernetes', key, action, body, agent, now };
  }
  const { scheme, host, port, path, query } = partsOf(action.url);
  return {
    kind: 'http',
    key: `${scheme}//${host}:${port}`,
    action,
    body,
    agent,
    now,
    scheme,
    host,
    port,
    path: readCallPath(path),
    query,
  };
}

export function tcpCallOf(host: string, port: number, agent: Agent, now: Date): TcpCall {
  return { kind: 'tcp', key: `${host}:${port}`, host, port, agent, now };
}

const URL_PARTS = /^(https?):\/\/([^/?]*?)(?::([0-9]+))?(\/[^?]*)(\?.*)?$/s;

/** Of a URL as `formatUrl` writes it: what is checked once is not checked for every call again. */
function partsOf(url: string) {
  const [, scheme, host = '', port, path = '', query = ''] = URL_PARTS.exec(url) ?? [];
  if (scheme !== 'http' && scheme !== 'https') throw new TypeError('the URL is not canonical');
  return {
    scheme,
    host,
    port: port === undefined ? DEFAULT_PORT[scheme] : Number(port),
    path,
    query,
  } as const;
}
