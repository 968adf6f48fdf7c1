/** Calls as policies see them: `aCall({ body: { json: '{}' } })`. */

import type { HttpAction } from '../../core/action/http.ts';
import type { KubernetesAction } from '../../core/action/kubernetes.ts';
import type { Agent } from '../../core/policy/call/agent.ts';
import {
  type CallBody,
  callOf,
  type HttpCall,
  type KubernetesCall,
} from '../../core/policy/call/call.ts';
import { canonicalJson, parseStrictJson } from '../../core/text/json.ts';
import { sha256Hex } from '../../core/text/sha256.ts';
import { NOON } from './builders.ts';

export const FORGE = 'forge.example.com';

export function anAgent(overrides: Partial<Agent> = {}): Agent {
  return {
    namespace: 'dev',
    namespaceLabels: new Map([['team', 'shop']]),
    serviceAccountName: 'coder',
    podName: 'coder-1',
    ...overrides,
  };
}

/** What an agent sends: JSON as text, any other body by its size, or a body that is too large to be read. */
export type SentBody = { json: string } | { bytes: number } | 'none' | 'unread';

function known(sent: SentBody): { facts: HttpAction['body']; body: CallBody | undefined } {
  if (sent === 'none') return { facts: { kind: 'none' }, body: undefined };
  if (sent === 'unread') return { facts: { kind: 'unread' }, body: undefined };
  if ('bytes' in sent) {
    return { facts: { kind: 'bytes', sha256: sha256Hex('?') }, body: { bytes: sent.bytes } };
  }
  const json = parseStrictJson(sent.json);
  return {
    facts: {
      kind: 'bytes',
      sha256: sha256Hex(sent.json),
      jsonSha256: sha256Hex(canonicalJson(json)),
    },
    body: { bytes: Buffer.byteLength(sent.json), json },
  };
}

export function aCall(
  overrides: Partial<Omit<HttpAction, 'body'>> & { body?: SentBody; agent?: Agent } = {},
): HttpCall {
  const { body: sent = 'none', agent = anAgent(), ...action } = overrides;
  const { facts, body } = known(sent);
  return callOf(
    {
      type: 'HTTP',
      method: 'POST',
      url: `https://${FORGE}/repos/acme/shop/pulls`,
      headers: {},
      body: facts,
      ...action,
    },
    body,
    agent,
    new Date(NOON),
  ) as HttpCall;
}

export function aKubernetesCall(
  overrides: Partial<Omit<KubernetesAction, 'body'>> & { body?: SentBody; agent?: Agent } = {},
): KubernetesCall {
  const { body: sent = 'none', agent = anAgent(), ...action } = overrides;
  const { facts, body } = known(sent);
  return callOf(
    {
      type: 'Kubernetes',
      verb: 'get',
      apiGroup: '',
      version: 'v1',
      resource: 'pods',
      subresource: '',
      namespace: 'dev',
      name: 'web-1',
      queryParameters: {},
      body: facts,
      ...action,
    },
    body,
    agent,
    new Date(NOON),
  ) as KubernetesCall;
}
