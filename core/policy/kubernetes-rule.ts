/** A rule about calls to the API server. It matches as a rule of RBAC does (k8s.io/component-helpers auth/rbac/validation). */

import { positionIn } from '../text/position.ts';
import type { KubernetesCall } from './call/call.ts';
import type { Findings } from './finding.ts';
import type { KubernetesRule, PolicyRule } from './policy.ts';
import { type Matcher, type RuleKind, restricts } from './rule-kind.ts';
import { coversSet, oneOfSet, type SetOrEvery, setOrEvery } from './value-set.ts';

export interface KubernetesMatcher extends Matcher<KubernetesCall> {
  readonly apiGroups: SetOrEvery<string>;
  readonly resources: SetOrEvery<string>;
  readonly verbs: SetOrEvery<string>;
  readonly namespaces: SetOrEvery<string>;
  readonly names: SetOrEvery<string>;
}

const VERBS: readonly string[] = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'apply',
  'delete',
  'deletecollection',
];
/** Verbs that do the same to the same objects: RBAC, and so a rule, tells them apart. */
const SAME_BY_ANOTHER_VERB: readonly (readonly [named: string, also: readonly string[]])[] = [
  ['get', ['list', 'watch']],
  ['delete', ['deletecollection']],
  ['patch', ['apply']],
];

const GROUP = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;
const RESOURCE = /^(?:\*\/)?[a-z][a-z0-9.-]*(?:\/[a-z][a-z0-9-]*)?$/;
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** The agent's own. */
const OWN = '.';

export const KUBERNETES_RULE: RuleKind<KubernetesCall, KubernetesMatcher> = {
  kind: 'kubernetes',

  read(rule, field, findings) {
    const spec = rule.kubernetes as KubernetesRule;
    const at = `${field}.kubernetes`;
    checkWords(spec, at, findings);
    warnOfHoles(rule, spec, at, findings);
    const apiGroups = setOrEvery(spec.apiGroups);
    const resources = setOrEvery(spec.resources);
    const verbs = setOrEvery(spec.verbs);
    const namespaces = setOrEvery(spec.namespaces);
    const named = spec.resourceNames ?? [];
    const names: SetOrEvery<string> = named.length === 0 ? 'every' : new Set(named);
    return {
      apiGroups,
      resources,
      verbs,
      namespaces,
      names,
      mayMatch: ({ action }) =>
        oneOfSet(apiGroups, action.apiGroup) && matchesResource(resources, action),
      matches: ({ action, agent }) =>
        oneOfSet(verbs, action.verb) &&
        oneOfSet(names, action.name) &&
        matchesNamespace(namespaces, action.namespace, agent.namespace)
          ? 'Yes'
          : 'No',
    };
  },

  covers: (outer, inner) =>
    coversSet(outer.apiGroups, inner.apiGroups) &&
    coversSet(outer.resources, inner.resources) &&
    coversSet(outer.verbs, inner.verbs) &&
    coversSet(outer.namespaces, inner.namespaces) &&
    coversSet(outer.names, inner.names),
};

/** ResourceMatches of RBAC: `*` is every resource with every subresource, a `*` before a slash is any that has this subresource. */
function matchesResource(
  resources: SetOrEvery<string>,
  { resource, subresource }: KubernetesCall['action'],
): boolean {
  if (resources === 'every') return true;
  if (subresource === '') return resources.has(resource);
  return resources.has(`${resource}/${subresource}`) || resources.has(`*/${subresource}`);
}

function matchesNamespace(
  namespaces: SetOrEvery<string>,
  namespace: string,
  agentNamespace: string,
): boolean {
  return (
    oneOfSet(namespaces, namespace) ||
    (namespaces !== 'every' && namespace === agentNamespace && namespaces.has(OWN))
  );
}

interface Word {
  readonly list: 'apiGroups' | 'resources' | 'verbs' | 'namespaces';
  readonly isGood: (value: string) => boolean;
  readonly reason: string;
  readonly wayOut: string;
}

const WORDS: readonly Word[] = [
  {
    list: 'apiGroups',
    isGood: (value) => value === '' || GROUP.test(value),
    reason: 'is no API group',
    wayOut: 'write the group without version, such as apps, or "" for the core group',
  },
  {
    list: 'resources',
    isGood: (value) => RESOURCE.test(value),
    reason: 'is no resource as in a rule of RBAC',
    wayOut: 'write the plural in lower case, such as pods, pods/log or */scale',
  },
  {
    list: 'verbs',
    isGood: (value) => VERBS.includes(value),
    reason: 'is no verb',
    wayOut: `write one of ${VERBS.join(', ')}`,
  },
  {
    list: 'namespaces',
    isGood: (value) => value === '' || value === OWN || NAMESPACE.test(value),
    reason: 'is no namespace',
    wayOut: 'write its name, "." for the agent\'s own, or "" for what has no namespace',
  },
];

function checkWords(spec: KubernetesRule, field: string, findings: Findings): void {
  for (const { list, isGood, reason, wayOut } of WORDS) {
    if (spec[list].length === 0) {
      findings.error(`${field}.${list}`, 'is empty', 'write "*" for every one');
    }
    spec[list].forEach((value, index) => {
      if (value === '*' || isGood(value)) return;
      const legal = /^[a-z0-9./*-]*/.exec(value)?.[0].length ?? 0;
      const at = legal < value.length ? positionIn(value, legal) : undefined;
      findings.error(`${field}.${list}[${index}]`, reason, wayOut, at);
    });
  }
  spec.resourceNames?.forEach((name, index) => {
    if (name !== '' && name !== '*') return;
    findings.error(
      `${field}.resourceNames[${index}]`,
      'is no name',
      'leave the list out for every object',
    );
  });
}

function warnOfHoles(
  { effect }: PolicyRule,
  { verbs, resourceNames = [] }: KubernetesRule,
  field: string,
  findings: Findings,
): void {
  if (resourceNames.length > 0 && verbs.length > 0 && verbs.every((verb) => verb === 'create')) {
    findings.warn(
      `${field}.resourceNames`,
      'can never match: the path of a creation has no name',
      'leave the list out, and compare action.kubernetes.body.json.metadata.name in when',
    );
  }
  if (!restricts(effect) || verbs.includes('*')) return;
  for (const [named, also] of SAME_BY_ANOTHER_VERB) {
    const missing = also.filter((verb) => !verbs.includes(verb));
    if (!verbs.includes(named) || missing.length === 0) continue;
    findings.warn(
      `${field}.verbs`,
      `leaves ${missing.join(' and ')} to other rules, which can do to an object what ${named} does`,
      `add ${missing.join(' and ')}, unless other rules refuse it`,
    );
  }
}
