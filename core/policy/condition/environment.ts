/**
 * One environment for each kind of rule, so that `action.kubernetes` in a rule about HTTP is refused when the policy is written.
 * @marcbachmann/cel-js (MIT, no dependencies, released in 2026): the only one measured that checks types with positions and fits a
 * sidecar's memory. Its one maintainer and its gaps are why its version is pinned and only this folder may import it.
 */

import { Environment } from '@marcbachmann/cel-js';
import { ActionValue, AgentValue, BodyValue, HttpValue, KubernetesValue } from './variables.ts';

/** Kinds of rules that may have a condition. */
export type ConditionKind = 'http' | 'kubernetes';

export const VARIABLES: ReadonlySet<string> = new Set(['action', 'agent', 'now']);

/** Deeper ones overflow the stack. */
const LIMITS = {
  maxAstNodes: 1000,
  maxDepth: 32,
  maxListElements: 256,
  maxMapEntries: 64,
  maxCallArguments: 4,
};

type Fields = Readonly<Record<string, string>>;

const BODY: Fields = { size: 'int', sha256: 'string', json: 'dyn' };
const HTTP: Fields = {
  method: 'string',
  scheme: 'string',
  host: 'string',
  port: 'int',
  path: 'string',
  segments: 'list<string>',
  query: 'map<string, list<string>>',
  headers: 'map<string, string>',
  body: 'Body',
};
const KUBERNETES: Fields = {
  verb: 'string',
  apiGroup: 'string',
  version: 'string',
  resource: 'string',
  subresource: 'string',
  namespace: 'string',
  name: 'string',
  patchType: 'string',
  queryParameters: 'map<string, string>',
  body: 'Body',
};
const AGENT: Fields = {
  namespace: 'string',
  namespaceLabels: 'map<string, string>',
  serviceAccountName: 'string',
  podName: 'string',
};

const MADE = new Map<ConditionKind, Environment>();

/** Made when it is first asked for. */
export function environmentFor(kind: ConditionKind): Environment {
  const made = MADE.get(kind);
  if (made !== undefined) return made;
  const environment = new Environment({ limits: LIMITS });
  const register = (name: string, ctor: new (...args: never[]) => unknown, fields: Fields) =>
    environment.registerType(name, { ctor, fields });
  register('Body', BodyValue, BODY);
  if (kind === 'http') register('HTTP', HttpValue, HTTP);
  else register('Kubernetes', KubernetesValue, KUBERNETES);
  register(
    'Action',
    ActionValue,
    kind === 'http' ? { http: 'HTTP' } : { kubernetes: 'Kubernetes' },
  );
  register('Agent', AgentValue, AGENT);
  environment
    .registerVariable('action', 'Action')
    .registerVariable('agent', 'Agent')
    .registerVariable('now', 'google.protobuf.Timestamp');
  MADE.set(kind, environment);
  return environment;
}
