import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../../core/policy/compile.ts';
import { findingText } from '../../../../core/policy/finding.ts';
import type {
  ActionPolicySpec,
  PolicyCredential,
  PolicyRule,
} from '../../../../core/policy/policy.ts';
import { aKubernetesRule, anHttpRule, aPolicy } from '../../../support/policies.ts';
import { FORGE } from '../../../support/policy-calls.ts';

const TOKEN: PolicyCredential = {
  type: 'ServiceAccountToken',
  serviceAccountToken: { serviceAccountName: 'lent', audience: 'https://forge.example.com' },
};
const OWN_TOKEN: PolicyCredential = {
  type: 'ServiceAccountToken',
  serviceAccountToken: { serviceAccountName: 'lent' },
};
const ISSUER: PolicyCredential = { type: 'Issuer', issuer: { name: 'forge' } };
const ASK = { approvals: 1, holdSeconds: 50, decisionDeadlineSeconds: 3600 };
const TCP = { hosts: ['db.example.com'], ports: [5432] };

function errorsOf(rules: readonly PolicyRule[], spec: Partial<ActionPolicySpec> = {}): string[] {
  return compilePolicy(aPolicy('p', rules, spec)).errors.map(findingText);
}

function warningsOf(...rules: PolicyRule[]): string[] {
  const { errors, warnings } = compilePolicy(aPolicy('p', rules));
  expect(errors.map(findingText)).toEqual([]);
  return warnings.map(findingText);
}

describe('a rule is acceptable', () => {
  it.each<[string, PolicyRule]>([
    ['Allow', anHttpRule()],
    ['Allow with a static key', anHttpRule({ credential: ISSUER })],
    ["Allow with the agent's own", anHttpRule({ passHeaders: ['authorization'] })],
    ['Grant', anHttpRule({ effect: 'Grant', credential: TOKEN })],
    ['Ask', anHttpRule({ effect: 'Ask', ask: { ...ASK, redact: ['/a~1b/0'], opaque: true } })],
    ['Ask with a bot', anHttpRule({ effect: 'Ask', ask: { ...ASK, approvals: 2, bot: 'ci' } })],
    ['Deny', anHttpRule({ effect: 'Deny', message: 'No.' })],
    ['Deny of Kubernetes', aKubernetesRule()],
    [
      'Grant of Kubernetes',
      aKubernetesRule({
        effect: 'Grant',
        credential: OWN_TOKEN,
        budget: { uses: 1, periodSeconds: 60 },
        when: 'action.kubernetes.namespace == agent.namespace',
      }),
    ],
    ['tcp', { name: 'db', tcp: TCP, effect: 'Allow' }],
  ])('%s', (_name, rule) => {
    expect(errorsOf([rule])).toEqual([]);
  });
});

describe('what is wrong is told by field, place and way out', () => {
  it.each<[PolicyRule, string]>([
    [
      anHttpRule({ name: 'Read_All' }),
      'spec.rules[0].name is no name: write lower-case letters, digits and "-", at most 63, such as open-pull-request.',
    ],
    [
      { name: 'a', effect: 'Allow' },
      'spec.rules[0] has not exactly one of http, kubernetes and tcp: describe the calls in one of them, and write another rule for another kind.',
    ],
    [
      anHttpRule({ http: { hosts: [] } }),
      'spec.rules[0].http.hosts is empty: name each host, or write "*".',
    ],
    [
      anHttpRule({ http: { hosts: ['a.test', 'https://forge.example.com'] } }),
      'spec.rules[0].http.hosts[1] (line 1, column 1) is not the name of a host as calls have it: write a name in lower case without scheme, port and path, such as api.example.com.',
    ],
    [
      anHttpRule({ http: { hosts: ['api.Example.com'] } }),
      'spec.rules[0].http.hosts[0] (line 1, column 5) is not the name of a host as calls have it: write a name in lower case without scheme, port and path, such as api.example.com.',
    ],
    [
      anHttpRule({ http: { hosts: ['api.*.com'] } }),
      'spec.rules[0].http.hosts[0] (line 1, column 5) has a "*" that is not the whole first label: write "*.example.com" for every name below example.com, or "*" alone.',
    ],
    [
      anHttpRule({ http: { hosts: ['*.10.0.0.1'] } }),
      'spec.rules[0].http.hosts[0] (line 1, column 11) is not the name of a host as calls have it: write a name in lower case without scheme, port and path, such as api.example.com.',
    ],
    [
      anHttpRule({ http: { methods: ['GET', 'post'] } }),
      'spec.rules[0].http.methods[1] (line 1, column 1) is no method: write it in capitals, such as GET.',
    ],
    [
      anHttpRule({ http: { methods: ['CONNECT'] } }),
      'spec.rules[0].http.methods[0] is CONNECT, which is always refused: leave it out.',
    ],
    [
      anHttpRule({ http: { methods: [] } }),
      'spec.rules[0].http.methods is empty: write "*" for every method.',
    ],
    [
      anHttpRule({ http: { ports: [443, 70_000] } }),
      'spec.rules[0].http.ports[1] is no port: write a number from 1 to 65535.',
    ],
    [
      anHttpRule({ http: { paths: [] } }),
      'spec.rules[0].http.paths is empty: write "/**" for every path.',
    ],
    [
      anHttpRule({ http: { paths: ['*'] } }),
      'spec.rules[0].http.paths[0] (line 1, column 1) is no path: write "/**" for every path.',
    ],
    [
      anHttpRule({ http: { paths: ['repos/**'] } }),
      'spec.rules[0].http.paths[0] (line 1, column 1) does not begin with "/": write the whole path of the URL.',
    ],
    [
      anHttpRule({ http: { paths: ['/a?b'] } }),
      'spec.rules[0].http.paths[0] (line 1, column 3) has a character that no path has: leave the query out, and use the field query or when.',
    ],
    [
      anHttpRule({ http: { paths: ['/a b'] } }),
      'spec.rules[0].http.paths[0] (line 1, column 3) has a character that no path has: percent-encode it as calls have it.',
    ],
    [
      anHttpRule({ http: { paths: ['/a//b'] } }),
      'spec.rules[0].http.paths[0] (line 1, column 3) has an empty segment: write single slashes.',
    ],
    [
      anHttpRule({ http: { paths: ['/a/../b'] } }),
      'spec.rules[0].http.paths[0] (line 1, column 4) has a dot segment, which no call has: write the path as the server sees it.',
    ],
    ...(
      [
        ['/a/get*', 7],
        ['/a/*x', 4],
        ['/a/**/b', 4],
        ['/a**', 3],
        ['/***', 2],
      ] as const
    ).map(
      ([path, column]) =>
        [
          anHttpRule({ http: { paths: [path] } }),
          `spec.rules[0].http.paths[0] (line 1, column ${column}) has a "*" that is not a whole segment, or a "**" that is not the last one: write "*" for one segment, "/**" at the end for the rest, and use when for a part.`,
        ] as [PolicyRule, string],
    ),
    [
      anHttpRule({ when: "action.http.method ==\n 'POST' && action.http.bdy.size > 1" }),
      'spec.rules[0].when (line 2, column 24) does not compile (No such key: bdy): write CEL over action, agent and now, with fields that the kind of the rule has.',
    ],
    [
      aKubernetesRule({ kubernetes: { resources: ['Pods'] } }),
      'spec.rules[0].kubernetes.resources[0] (line 1, column 1) is no resource as in a rule of RBAC: write the plural in lower case, such as pods, pods/log or */scale.',
    ],
    [
      aKubernetesRule({ kubernetes: { verbs: ['read'] } }),
      'spec.rules[0].kubernetes.verbs[0] is no verb: write one of get, list, watch, create, update, patch, apply, delete, deletecollection.',
    ],
    [
      aKubernetesRule({ kubernetes: { apiGroups: ['apps/v1'] } }),
      'spec.rules[0].kubernetes.apiGroups[0] is no API group: write the group without version, such as apps, or "" for the core group.',
    ],
    [
      aKubernetesRule({ kubernetes: { namespaces: ['dev-*'] } }),
      'spec.rules[0].kubernetes.namespaces[0] is no namespace: write its name, "." for the agent\'s own, or "" for what has no namespace.',
    ],
    [
      aKubernetesRule({ kubernetes: { namespaces: [] } }),
      'spec.rules[0].kubernetes.namespaces is empty: write "*" for every one.',
    ],
    [
      aKubernetesRule({ kubernetes: { resourceNames: ['*'] } }),
      'spec.rules[0].kubernetes.resourceNames[0] is no name: leave the list out for every object.',
    ],
    [
      aKubernetesRule({ effect: 'Allow' }),
      'spec.rules[0].effect is Allow, and an agent has no token for the API server: write Grant, with a credential and a budget.',
    ],
    [
      aKubernetesRule({ effect: 'Ask' }),
      'spec.rules[0].credential is not of type ServiceAccountToken, without which the API server takes no call: name the ServiceAccount that the calls act as.',
    ],
    [
      aKubernetesRule({ effect: 'Ask', credential: TOKEN }),
      'spec.rules[0].credential.serviceAccountToken.audience must be there for HTTP calls, and absent for calls to the API server: write the audience that the called service accepts, or remove the field.',
    ],
    [
      anHttpRule({ effect: 'Ask', credential: OWN_TOKEN }),
      'spec.rules[0].credential.serviceAccountToken.audience must be there for HTTP calls, and absent for calls to the API server: write the audience that the called service accepts, or remove the field.',
    ],
    [
      anHttpRule({ credential: TOKEN }),
      'spec.rules[0].credential is lent by a rule that makes no grant: write Grant, remove the field, or for Allow name an issuer of type Secret.',
    ],
    [
      anHttpRule({ effect: 'Ask', credential: ISSUER, http: { scheme: 'HTTP' } }),
      'spec.rules[0].http.scheme is HTTP, and a credential is never sent in clear text: write HTTPS, or remove the credential.',
    ],
    [
      anHttpRule({ budget: { uses: 1, periodSeconds: 60 } }),
      'spec.rules[0].budget must be there for Grant, and only there: say how many grants there may be in which period, or remove the field.',
    ],
    [
      anHttpRule({ effect: 'Grant', budget: { uses: 0, periodSeconds: 60 } }),
      'spec.rules[0].budget is out of its bounds: write 1 to 10000 uses in 60 to 2592000 seconds.',
    ],
    [
      anHttpRule({ ask: ASK }),
      'spec.rules[0].ask is set for another effect: write Ask as the effect, or remove the field.',
    ],
    [
      anHttpRule({ effect: 'Ask', ask: { ...ASK, approvals: 6 } }),
      'spec.rules[0].ask is out of its bounds: write 1 to 5 approvals, 0 to 300 holdSeconds, 30 to 604800 decisionDeadlineSeconds.',
    ],
    [
      anHttpRule({ effect: 'Ask', ask: { ...ASK, redact: ['password'] } }),
      'spec.rules[0].ask.redact has a text that is no JSON pointer (RFC 6901): write each such as /password or /items/0/token.',
    ],
    [
      anHttpRule({ effect: 'Ask', ask: { ...ASK, bot: 'ci' } }),
      'spec.rules[0].ask.bot would approve alone: write at least 2 approvals, or remove the field.',
    ],
    [
      anHttpRule({ passHeaders: ['authorization'], http: { hosts: ['*.example.com'] } }),
      "spec.rules[0].passHeaders lets the agent's own credentials go to where nobody wrote down: use it for Allow without credential, and with exact hosts.",
    ],
    [
      anHttpRule({ passHeaders: ['Authorization'] }),
      'spec.rules[0].passHeaders has a text that is no name of a header: write each in lower case, such as authorization.',
    ],
    [
      { name: 'a', tcp: TCP, effect: 'Ask' },
      'spec.rules[0].effect is Grant or Ask, and no single call can be told from the bytes of a connection: write Allow or Deny.',
    ],
    [
      { name: 'a', tcp: TCP, effect: 'Deny', when: 'true' },
      'spec.rules[0].when is set in a tcp rule, which has nothing to evaluate: remove the field.',
    ],
    [
      { name: 'a', tcp: { hosts: ['*.example.com'], ports: [5432] }, effect: 'Allow' },
      'spec.rules[0].tcp.hosts[0] (line 1, column 1) has a "*": name each host exactly.',
    ],
    [
      { name: 'a', tcp: { ...TCP, ports: [443] }, effect: 'Allow' },
      'spec.rules[0].tcp.ports[0] is 443, which is for HTTP: write a rule with http instead.',
    ],
    [
      { name: 'a', tcp: { ...TCP, ports: [] }, effect: 'Allow' },
      'spec.rules[0].tcp.ports is empty: write each port.',
    ],
    [
      { name: 'a', tcp: TCP, effect: 'Allow', credential: ISSUER },
      'spec.rules[0].tcp is set beside a credential, which nobody can place there: remove the credential.',
    ],
  ])('%#', (rule, expected) => {
    expect(errorsOf([rule])).toEqual([expected]);
  });

  it.each<[readonly PolicyRule[], Partial<ActionPolicySpec>, string]>([
    [[], {}, 'spec.rules has 0 rules: write 1 to 64, or split the policy.'],
    [
      [anHttpRule({ name: 'a' }), anHttpRule({ name: 'a' })],
      {},
      'spec.rules[1].name is that of an earlier rule: rename one of them.',
    ],
    [
      Array.from({ length: 17 }, (_, n) =>
        anHttpRule({ name: `a${n}`, effect: 'Ask', credential: TOKEN }),
      ),
      {},
      'spec.rules has 17 rules with a credential: write at most 16, and split the policy.',
    ],
    [
      [anHttpRule()],
      { agents: { namespaceSelector: {} } },
      'spec.agents.namespaceSelector is empty, which selects every namespace: name labels, or write {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]} for all of them.',
    ],
    [
      [anHttpRule()],
      { agents: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
      'spec.agents.namespaceSelector.matchExpressions[0].values must be there for In and NotIn, and only there: list the values, or use Exists.',
    ],
  ])('of the policy: %#', (rules, spec, expected) => {
    expect(errorsOf(rules, spec)).toEqual([expected]);
  });

  it('tells all of it at once', () => {
    const rules = [
      anHttpRule({ name: 'a', http: { paths: ['a', '/b c'] }, when: '1' }),
      { name: 'b', effect: 'Deny' } as const,
    ];
    expect(errorsOf(rules)).toHaveLength(4);
    expect(compilePolicy(aPolicy('p', rules)).policy.rules).toBeUndefined();
  });
});

describe('a rule that does nothing is warned of', () => {
  it.each<[string, PolicyRule, PolicyRule, boolean]>([
    ['all before one', anHttpRule(), anHttpRule({ http: { paths: ['/a'] } }), true],
    ['one before all', anHttpRule({ http: { paths: ['/a'] } }), anHttpRule(), false],
    [
      'a wider host',
      anHttpRule({ http: { hosts: ['*.example.com'] } }),
      anHttpRule({ http: { hosts: [FORGE, '*.a.example.com'] } }),
      true,
    ],
    [
      'another host',
      anHttpRule({ http: { hosts: ['*.example.com'] } }),
      anHttpRule({ http: { hosts: [FORGE, 'example.com'] } }),
      false,
    ],
    [
      'wider segments',
      anHttpRule({ http: { paths: ['/a/*/**'] } }),
      anHttpRule({ http: { paths: ['/a/b', '/a/*/c/**'] } }),
      true,
    ],
    [
      'a segment that may be missing',
      anHttpRule({ http: { paths: ['/a/*/**'] } }),
      anHttpRule({ http: { paths: ['/a/**'] } }),
      false,
    ],
    ['https before both', anHttpRule(), anHttpRule({ effect: 'Deny' }), false],
    ['both before https', anHttpRule({ effect: 'Deny' }), anHttpRule(), true],
    ['none before any query', anHttpRule({ effect: 'Grant' }), anHttpRule(), false],
    ['a condition first', anHttpRule({ when: "action.http.method == 'A'" }), anHttpRule(), false],
    [
      'the same condition',
      anHttpRule({ when: "action.http.method == 'A'" }),
      anHttpRule({ when: "action.http.method == 'A'" }),
      true,
    ],
    ['another kind', anHttpRule(), aKubernetesRule(), false],
    [
      'Kubernetes',
      aKubernetesRule({ kubernetes: { verbs: ['get', 'list', 'watch'] } }),
      aKubernetesRule({ kubernetes: { verbs: ['list'], resources: ['pods'] } }),
      true,
    ],
    [
      'another namespace',
      aKubernetesRule({ kubernetes: { namespaces: ['.'] } }),
      aKubernetesRule({ kubernetes: { namespaces: ['dev'] } }),
      false,
    ],
  ])('%s', (_name, first, second, isShadowed) => {
    const warnings = warningsOf({ ...first, name: 'first' }, { ...second, name: 'second' });
    const shadow =
      'spec.rules[1] can never match: the earlier rule first matches every such call: move it up, or remove it.';
    expect(warnings.includes(shadow)).toBe(isShadowed);
  });

  it.each<[PolicyRule, string]>([
    [
      anHttpRule({ http: { hosts: ['kubernetes.default.svc'] } }),
      'spec.rules[0].http.hosts[0] can never match: calls to the API server are of the kind kubernetes: write a rule with kubernetes instead.',
    ],
    [
      anHttpRule({ when: '1 > 2' }),
      'spec.rules[0].when is never true, so that the rule can never match: remove the rule.',
    ],
    [anHttpRule({ when: 'true' }), 'spec.rules[0].when is always true: remove the field.'],
    [
      anHttpRule({ http: { methods: ['GET'] }, when: 'action.http.body.json.a == 1' }),
      'spec.rules[0].when reads a body, which no call with these methods has: compare the path or the query instead.',
    ],
    [
      anHttpRule({ effect: 'Deny', when: "action.http.path.endsWith('/merge')" }),
      'spec.rules[0].when compares the path in one spelling, and some servers read others alike: use paths, which match those too.',
    ],
    [
      anHttpRule({ effect: 'Deny', http: { query: 'None' } }),
      'spec.rules[0].http.query lets every call with a query go past the rule: leave the field out.',
    ],
    [
      aKubernetesRule({ kubernetes: { verbs: ['get', 'list'] } }),
      'spec.rules[0].kubernetes.verbs leaves watch to other rules, which can do to an object what get does: add watch, unless other rules refuse it.',
    ],
    [
      aKubernetesRule({ kubernetes: { verbs: ['create'], resourceNames: ['a'] } }),
      'spec.rules[0].kubernetes.resourceNames can never match: the path of a creation has no name: leave the list out, and compare action.kubernetes.body.json.metadata.name in when.',
    ],
  ])('%#', (rule, expected) => {
    expect(warningsOf(rule)).toEqual([expected]);
  });
});
