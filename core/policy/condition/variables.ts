/**
 * What a condition sees of a call, as classes that the engine knows the fields of: a field that there is not is an error when the
 * policy is written, and reading one costs nothing to make it.
 */

import type { HttpAction } from '../../action/http.ts';
import { sha256Hex } from '../../text/sha256.ts';
import type { Agent } from '../call/agent.ts';
import type { Call, CallBody, HttpCall, KubernetesCall } from '../call/call.ts';
import { READABLE_BODY_BYTES } from '../call/call.ts';
import { type ConditionValue, conditionValue } from './json-value.ts';
import type { BodyPart } from './mentions.ts';

const EMPTY_SHA256 = sha256Hex('');

/** A body, as far as it can be read. */
export class BodyValue {
  readonly size: bigint | undefined;
  readonly sha256: string | undefined;
  readonly #kind: HttpAction['body']['kind'];
  readonly #body: CallBody | undefined;
  #json: ConditionValue | undefined;
  #isConverted = false;

  constructor(known: HttpAction['body'], body: CallBody | undefined) {
    this.#kind = known.kind;
    this.#body = body;
    this.size = known.kind === 'none' ? 0n : body && BigInt(body.bytes);
    this.sha256 =
      known.kind === 'none' ? EMPTY_SHA256 : known.kind === 'bytes' ? known.sha256 : undefined;
  }

  /** Made when it is first asked for; most calls are decided without. */
  get json(): ConditionValue | undefined {
    if (this.#isConverted) return this.#json;
    this.#isConverted = true;
    if (this.#kind === 'bytes' && this.#body?.json !== undefined) {
      if (this.#body.bytes <= READABLE_BODY_BYTES) this.#json = conditionValue(this.#body.json);
    }
    return this.#json;
  }

  /** Where there is no body, everything is known of it: it has no member. */
  canRead(part: BodyPart): boolean {
    return this.#kind === 'none' || this[part] !== undefined;
  }
}

/** Of the canonical Action: secrets in its query and headers are digests. */
export class HttpValue {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly port: bigint;
  readonly path: string;
  readonly segments: readonly string[];
  readonly headers: ReadonlyMap<string, string>;
  readonly body: BodyValue;
  readonly #query: string;
  #parameters: Map<string, string[]> | undefined;

  constructor(call: HttpCall) {
    this.method = call.action.method;
    this.scheme = call.scheme;
    this.host = call.host;
    this.port = BigInt(call.port);
    this.path = `/${call.path.canonical.join('/')}`;
    this.segments = call.path.canonical;
    this.headers = new Map(Object.entries(call.action.headers));
    this.body = new BodyValue(call.action.body, call.body);
    this.#query = call.query;
  }

  /** By name; each may be there more than once. As HTML forms are read. */
  get query(): Map<string, string[]> {
    if (this.#parameters === undefined) {
      this.#parameters = new Map();
      for (const [name, value] of new URLSearchParams(this.#query)) {
        const values = this.#parameters.get(name);
        if (values === undefined) this.#parameters.set(name, [value]);
        else values.push(value);
      }
    }
    return this.#parameters;
  }
}

export class KubernetesValue {
  readonly verb: string;
  readonly apiGroup: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty for what is no patch. */
  readonly patchType: string;
  readonly queryParameters: ReadonlyMap<string, string>;
  readonly body: BodyValue;

  constructor({ action, body }: KubernetesCall) {
    this.verb = action.verb;
    this.apiGroup = action.apiGroup;
    this.version = action.version;
    this.resource = action.resource;
    this.subresource = action.subresource;
    this.namespace = action.namespace;
    this.name = action.name;
    this.patchType = action.patchType ?? '';
    this.queryParameters = new Map(Object.entries(action.queryParameters));
    this.body = new BodyValue(action.body, body);
  }
}

/** It has the one member of its kind. */
export class ActionValue {
  readonly http: HttpValue | undefined;
  readonly kubernetes: KubernetesValue | undefined;

  constructor(call: Exclude<Call, { kind: 'tcp' }>) {
    this.http = call.kind === 'http' ? new HttpValue(call) : undefined;
    this.kubernetes = call.kind === 'kubernetes' ? new KubernetesValue(call) : undefined;
  }

  get body(): BodyValue | undefined {
    return (this.http ?? this.kubernetes)?.body;
  }
}

export class AgentValue {
  readonly namespace: string;
  readonly namespaceLabels: ReadonlyMap<string, string>;
  readonly serviceAccountName: string;
  readonly podName: string;

  constructor(agent: Agent) {
    this.namespace = agent.namespace;
    this.namespaceLabels = agent.namespaceLabels;
    this.serviceAccountName = agent.serviceAccountName;
    this.podName = agent.podName;
  }
}

/** What is evaluated with. */
export interface Variables {
  readonly action: ActionValue;
  readonly agent: AgentValue;
  readonly now: Date;
}

export function variablesOf(call: Exclude<Call, { kind: 'tcp' }>): Variables {
  return { action: new ActionValue(call), agent: new AgentValue(call.agent), now: call.now };
}
