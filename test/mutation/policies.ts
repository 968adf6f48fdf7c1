/**
 * Every validation of the chart's policies taken out. One that nobody would miss is either not needed or not tested. Where the
 * webhook says the same, it is not there in the tests that are named here: the policy holds alone.
 */

import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';
import type { Mutation } from './run-mutations.ts';

const FOLDER = 'charts/actiongrant/templates/policies';
const VAP = 'test/integration/vap.test.ts';
const PODS = 'test/integration/pod-policies.test.ts';
const TENANT = 'test/integration/tenant.test.ts';
const POD = 'a pod of an injected namespace > is refused with';

/**
 * The promise, the file of the tests, and what is in the titles (suite > test) of those that notice; or why nothing can be seen
 * of its absence on a cluster like those of the tests.
 */
type Noticed = readonly [promise: string, file: string, tests: string] | { unseen: string };

/** By file; then by the ID of the rule, or by the beginning of the sentence that a validation refuses with. */
const NOTICED_BY: Readonly<Record<string, Readonly<Record<string, Noticed>>>> = {
  'deletions.yaml': {
    'propagationPolicy: deleting a grant': ['P3', VAP, 'deletions > of a grant refuse'],
    'type: the ActionGrant': ['P2', VAP, 'deletions > of a Secret that is not bound'],
    'propagationPolicy: a Secret': ['P3', VAP, 'deletions > of a bound Secret refuse'],
  },
  'exec.yaml': {
    'portforward: not into': ['P1', PODS, 'has no port forwarded'],
    'container: nobody runs': ['P1', PODS, 'into our containers'],
  },
  'grants.yaml': {
    'audience-of-the-api-server': ['P5', VAP, "a credential for the API server's"],
    'decided-by-the-controller': ['P6', VAP, 'is refused from our own controller'],
    '%s: %s': ['P6', VAP, 'is refused with the mark of'],
    'requester-may-not-decide': ['P6', VAP, 'is refused from a mere requester'],
    'requester-may-not-delegate': ['P6', VAP, 'is refused from a decider who may'],
  },
  'pods.yaml': {
    'static-pod': ['P16', PODS, 'is refused as the image of a static pod'],
    ...everyOne(['P1', PODS, POD], ['injected-first', 'image', 'net-init', 'sidecar']),
    ...everyOne(['P1', PODS, POD], ['injected-volumes', 'projected-credentials']),
    ...everyOne(['P16', PODS, POD], ['node-namespaces', 'linux', 'no-automount', 'volume-types']),
    ...everyOne(['P16', PODS, POD], ['pod-security', 'host-aliases', 'hostname-override']),
    ...everyOne(['P16', PODS, POD], ['resolver', 'agent-mount']),
    'injected-unchanged': ['P1', PODS, 'keeps the'],
    'ephemeral-containers': ['P15', PODS, 'takes no ephemeral container'],
  },
  '_pod.tpl': {
    ...everyOne(['P16', PODS, POD], ['privileges', 'user', 'profiles', 'ports', 'handler-hosts']),
    ...everyOne(['P1', PODS, POD], ['volume-mounts', 'variables-from-files']),
  },
  'records.yaml': {
    'status: only the': ['P7', VAP, 'records > let the controller write status'],
    'metadata.finalizers: a grant': ['P7', VAP, 'records > refuse metadata.finalizers'],
    'metadata.ownerReferences: only the': ['P7', VAP, 'records > refuse metadata.ownerReferences'],
  },
  'requester.yaml': {
    'spec.requester: must be': ['P6', VAP, 'requester > refuses a grant that names'],
  },
  'secrets.yaml': {
    'type: the ActionGrant': ['P2', VAP, 'secrets > refuse the controller a wrong one: type'],
    'type: only the': ['P2', VAP, 'secrets > of the bound type are refused from anybody else'],
    'data: a Secret': ['P2', VAP, 'secrets > refuse the controller a wrong one: data'],
    'metadata.finalizers: a Secret': ['P3', VAP, 'secrets > that are bound are changed by nobody'],
    'metadata.ownerReferences: a Secret': [
      'P2',
      VAP,
      'secrets > refuse the controller a wrong one: metadata.ownerReferences',
    ],
  },
  'settings.yaml': {
    'metadata.name: the ConfigMap': ['P1', PODS, "the sidecars' settings > are created"],
    'metadata.name: the ActionGrant': ['P2', PODS, "the sidecars' settings > are the only"],
  },
  'tokens.yaml': {
    'namespace: the ActionGrant': ['P2', VAP, 'mints > refuse the controller every account in'],
    'spec.boundObjectRef: the ActionGrant': [
      'P2',
      VAP,
      'mints > refuse the controller a wrong spec.boundObjectRef',
    ],
    'spec.expirationSeconds: the ActionGrant': [
      'P2',
      VAP,
      'mints > refuse the controller a wrong spec.expirationSeconds',
    ],
    'spec.audiences: the ActionGrant': [
      'P2',
      VAP,
      'mints > refuse the controller a wrong spec.audiences',
    ],
    // Where the token is bound to a live pod: another validation refuses the rest as well.
    'spec.audiences: tokens for': ['P1', TENANT, "the sidecar's identity > has no token for our"],
    'spec.audiences: a token': { unseen: 'NodeRestriction refuses the same, and is asked before' },
  },
  'webhooks.yaml': {
    'webhooks: the ActionGrant': ['P2', VAP, 'webhooks > '],
  },
};

function everyOne(noticed: Noticed, rules: readonly string[]): Readonly<Record<string, Noticed>> {
  return Object.fromEntries(rules.map((rule) => [rule, noticed]));
}

interface Validation {
  readonly label: string;
  /** The file without it. */
  readonly rest: string;
}

/** An expression in a policy, and the rule of a container in `_pod.tpl`. What tells them apart follows, or comes before. */
const EXPRESSION = /^ {4}- expression:.*\n(?: {8}.*\n)*/gm;
const CONTAINER_RULE = /^- id: (?<rule>[\w-]+)\n {2}holds: >-\n(?: {4}.*\n)*/gm;
const RULE =
  /^ {6}(?:reason: \w+\n {6})?\{\{- \w+ (?:"actiongrant\.podRule"|\$rules) "(?<rule>[\w-]+)"/;
const SENTENCE = /^ {6}reason: \w+\n {6}message: (?:>-\n {8}|"|\{\{ printf ")?(?<sentence>.*)/;

function validationsOf(text: string): Validation[] {
  const without = ({ 0: whole, index }: RegExpExecArray, instead: string): string =>
    text.slice(0, index) + instead + text.slice(index + whole.length);
  const expressions = [...text.matchAll(EXPRESSION)].map((match): Validation => {
    const after = text.slice(match.index + match[0].length);
    const { rule, sentence = '' } = (RULE.exec(after) ?? SENTENCE.exec(after))?.groups ?? {};
    return { label: rule ?? sentence, rest: without(match, '    - expression: "true"\n') };
  });
  const containerRules = [...text.matchAll(CONTAINER_RULE)].map((match): Validation => {
    const { rule = '' } = match.groups ?? {};
    return { label: rule, rest: without(match, `- id: ${rule}\n  holds: "true"\n`) };
  });
  return [...expressions, ...containerRules];
}

function mutationsOf(path: string): Mutation[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const validations = validationsOf(text);
  const noticedBy = Object.entries(NOTICED_BY[basename(path)] ?? {});
  const gone = noticedBy.filter(([key]) => !validations.some(({ label }) => label.startsWith(key)));
  if (gone.length > 0) throw new Error(`not in ${path} any more: ${gone.join('; ')}`);
  return validations.flatMap(({ label, rest }) => {
    const [key, noticed] = noticedBy.find(([beginning]) => label.startsWith(beginning)) ?? [];
    if (noticed === undefined) throw new Error(`nothing is known to notice: ${path}: ${label}`);
    if ('unseen' in noticed) return [];
    const [promise, file, tests] = noticed;
    const name = `${promise}: ${basename(path)}: ${key}`;
    return [{ name, file, tests, changes: [{ file: path, from: text, to: rest }] }];
  });
}

export function policyMutations(): Mutation[] {
  return globSync(`${FOLDER}/*`, { cwd: ROOT }).toSorted().flatMap(mutationsOf);
}
