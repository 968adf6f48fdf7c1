import { describe, expect, test } from 'vitest';
import {
  AUTHORITY_RULES,
  decideGrant,
  FORM_RULES,
  type GrantFacts,
} from '../../../../../controller/admission/grants/grant-rules.ts';
import { grantedAction } from '../../../../../core/action/grant.ts';
import type { ActionGrantSpec } from '../../../../../core/api/generated/actiongrant.ts';
import { aCredential, aGrant, anHttpAction } from '../../../../support/builders.ts';

const CONTROLLER = 'system:serviceaccount:actiongrant-system:actiongrant-controller';
const settings = {
  controllerUsername: CONTROLLER,
  apiServerHosts: ['10.96.0.1', 'fd00::1', 'api.cluster.example'],
  apiServerAudiences: ['https://api.cluster.example'],
  maxPendingPerAgent: 20,
};

interface Case {
  spec?: Partial<ActionGrantSpec>;
  labels?: Record<string, string>;
  facts?: Partial<GrantFacts>;
}

/** A grant that everything is right with, but for what the case changes. */
function decide({ spec = {}, labels, facts }: Case) {
  const grant = aGrant({ spec, ...(labels && { metadata: { labels } }) });
  return decideGrant(
    [...FORM_RULES, ...AUTHORITY_RULES],
    {
      grant,
      action: grantedAction(grant.spec.action),
      requester: 'dora',
      agentNamespaceAnnotations: null,
      mayDecide: true,
      mayDelegate: true,
      awaitingDecision: 0,
      ...facts,
    },
    settings,
  );
}

const approved = { approvedByRequester: true };
const elsewhere = { agent: { serviceAccountName: 'incident-agent', namespace: 'agents' } };
const http = (url: string) => ({ action: anHttpAction({ url }) });

describe('a grant', () => {
  test.for<[what: string, change: Case]>([
    [
      'that waits for a decision, of somebody without rights',
      { facts: { mayDecide: false, mayDelegate: false } },
    ],
    ['that its requester may decide', { spec: approved }],
    [
      'without credential, of a decider who may delegate nothing',
      {
        spec: { ...approved, credential: undefined as never },
        facts: { mayDelegate: false },
      },
    ],
    ['for an agent with room for one more to wait', { facts: { awaitingDecision: 19 } }],
    [
      'that its requester decides, whoever else waits',
      { spec: approved, facts: { awaitingDecision: 20 } },
    ],
    ['with a GitOps mark that waits for a decision', { labels: { 'kapp.k14s.io/app': '1' } }],
    ['of our controller that waits for a decision', { facts: { requester: CONTROLLER } }],
    [
      'for an agent whose namespace consents',
      {
        spec: elsewhere,
        facts: {
          agentNamespaceAnnotations: { 'actiongrant.dev/accepts-grants-from': 'helpdesk,soc' },
        },
      },
    ],
    [
      'for a host that only looks like the API server',
      { spec: http('https://kubernetes.default.svc-cdn.example/') },
    ],
    ['for another host called kubernetes', { spec: http('https://kubernetes.example.com/') }],
  ])('is admitted: one %s', ([, change]) => {
    expect(decide(change)).toBeNull();
  });

  const URL = 'spec.action.http.url';
  test.for<[field: string, code: string, change: Case]>([
    [URL, 'GrantInvalid', { spec: http('https://kubernetes/') }],
    [URL, 'GrantInvalid', { spec: http('https://kubernetes.default/') }],
    [URL, 'GrantInvalid', { spec: http('https://kubernetes.default.svc/') }],
    [URL, 'GrantInvalid', { spec: http('https://kubernetes.default.svc.cluster.local/') }],
    [URL, 'GrantInvalid', { spec: http('https://kubernetes.default.svc.prod.example:6443/') }],
    [URL, 'GrantInvalid', { spec: http('https://api.cluster.example/') }],
    [URL, 'GrantInvalid', { spec: http('https://10.96.0.1/') }],
    [URL, 'GrantInvalid', { spec: http('https://[fd00::1]/') }],
    [
      'spec.credential.serviceAccountToken.audience',
      'GrantInvalid',
      {
        spec: {
          credential: {
            ...aCredential(),
            serviceAccountToken: {
              serviceAccountName: 'edr-quarantine',
              audience: 'https://api.cluster.example',
            },
          },
        },
      },
    ],
    [
      'spec.approvedByRequester',
      'GrantForbidden',
      { spec: approved, facts: { requester: CONTROLLER } },
    ],
    [
      'metadata.labels[kapp.k14s.io/app]',
      'GrantForbidden',
      { spec: approved, labels: { 'kapp.k14s.io/app': '1' } },
    ],
    ['spec.agent', 'GrantForbidden', { facts: { awaitingDecision: 20 } }],
    ['spec.agent.namespace', 'GrantForbidden', { spec: elsewhere }],
    [
      'spec.agent.namespace',
      'GrantForbidden',
      {
        spec: elsewhere,
        facts: { agentNamespaceAnnotations: { 'actiongrant.dev/accepts-grants-from': 'soc2' } },
      },
    ],
    ['spec.approvedByRequester', 'GrantForbidden', { spec: approved, facts: { mayDecide: false } }],
    [
      'spec.credential.serviceAccountToken.serviceAccountName',
      'GrantForbidden',
      {
        spec: approved,
        facts: { mayDelegate: false },
      },
    ],
  ])('is refused by %s (%s): %j', ([field, code, change]) => {
    expect(decide(change)).toMatchObject({
      code,
      field,
      detail: expect.stringContaining(`${field}: `),
    });
  });
});

test.for<[what: string, spec: Partial<ActionGrantSpec>, field: string]>([
  ['forges a status', { justification: 'a\nStatus:\n  Approvals:  2/2' }, 'spec.justification'],
  [
    'has JSON of several lines',
    { action: anHttpAction({ body: { type: 'JSON', json: '{\n  "reason": "beaconing"\n}' } }) },
    'spec.action.http.body.json',
  ],
  [
    'comes from a user of such a name',
    { requester: { username: 'a\u202eb' } },
    'spec.requester.username',
  ],
])('a grant that hides something from whoever decides is refused: it %s', ([, spec, field]) => {
  expect(decide({ spec })).toMatchObject({ code: 'GrantInvalid', field });
});

test.for<[what: string, spec: Partial<ActionGrantSpec>, field: string]>([
  [
    'in a header',
    { action: anHttpAction({ headers: { 'x-api-key': 'hunter2' } }) },
    'spec.action.http.headers[x-api-key]',
  ],
  ['in the URL', http('https://a.example/?token=hunter2'), 'spec.action.http.url'],
  [
    'in the body',
    { action: anHttpAction({ body: { type: 'JSON', json: '{"password":"hunter2"}' } }) },
    'spec.action.http.body.json',
  ],
  ['in the reason', { justification: 'https://u:hunter2@a.example' }, 'spec.justification'],
])('a grant with a secret in clear is refused by its field: %s', ([, spec, field]) => {
  const refusal = decide({ spec });
  expect(refusal).toMatchObject({ code: 'GrantInvalid', field });
  expect(refusal?.detail).not.toContain('hunter2');
});
