/** What the chart renders has the names by which the controller looks for it. The demo's copy of the chart is rendered already. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { WEBHOOKS } from '../../../controller/admission/router.ts';
import {
  LAST_WEBHOOK_CONFIGURATION_NAME,
  WEBHOOK_CONFIGURATION_NAME,
} from '../../../controller/certificates/publication.ts';
import { AUTHORITY_NAME } from '../../../controller/certificates/store.ts';
import { CONTROLLER_NAME } from '../../../core/api/names.ts';
import { SIDECAR_CONFIG_MAP } from '../../../core/api/pod-layout.ts';

interface Rule {
  resources?: string[];
  resourceNames?: string[];
}

interface Webhook {
  name: string;
  clientConfig: { service: { name: string; path: string } };
}

interface Manifest {
  kind: string;
  metadata: { name: string };
  rules?: Rule[];
  webhooks?: Webhook[];
}

const manifests = parseAllDocuments(
  readFileSync(new URL('../../../demo/release.yaml', import.meta.url), 'utf8'),
)
  .map((document) => document.toJS() as Manifest | null)
  .filter((manifest) => manifest !== null);

const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const namesOf = (kind: string) => ofKind(kind).map(({ metadata }) => metadata.name);

test.each(['Deployment', 'Service', 'ServiceAccount', 'PodDisruptionBudget'])(
  'the controller is a %s of the name that the code has',
  (kind) => {
    expect(namesOf(kind)).toContain(CONTROLLER_NAME);
  },
);

describe('the objects that the controller may write are named as the code names them', () => {
  test.for([
    ['leases', CONTROLLER_NAME],
    ['secrets', AUTHORITY_NAME],
    ['configmaps', AUTHORITY_NAME],
    ['configmaps', SIDECAR_CONFIG_MAP],
    ['mutatingwebhookconfigurations', WEBHOOK_CONFIGURATION_NAME],
    ['mutatingwebhookconfigurations', LAST_WEBHOOK_CONFIGURATION_NAME],
    ['validatingwebhookconfigurations', WEBHOOK_CONFIGURATION_NAME],
  ] as const)('%s %s', ([resource, name]) => {
    const rules = [...ofKind('ClusterRole'), ...ofKind('Role')].flatMap(({ rules = [] }) => rules);
    const named = rules
      .filter(({ resources = [] }) => resources.includes(resource))
      .flatMap(({ resourceNames = [] }) => resourceNames);
    expect(named).toContain(name);
  });
});

test('webhooks are called on the paths that the controller serves, and their configurations have its name', () => {
  const configurations = [
    ...ofKind('MutatingWebhookConfiguration'),
    ...ofKind('ValidatingWebhookConfiguration'),
  ];
  expect(configurations.map(({ metadata }) => metadata.name)).toEqual([
    WEBHOOK_CONFIGURATION_NAME,
    LAST_WEBHOOK_CONFIGURATION_NAME,
    WEBHOOK_CONFIGURATION_NAME,
  ]);
  const called = configurations
    .flatMap(({ webhooks = [] }) => webhooks)
    .map(({ name, clientConfig: { service } }) => [name, service.name, service.path]);
  const served = WEBHOOKS.map(({ name }) => [
    `${name}.actiongrant.dev`,
    CONTROLLER_NAME,
    `/admission/${name}`,
  ]);
  const again = ['inject-pod-last.actiongrant.dev', CONTROLLER_NAME, '/admission/inject-pod'];
  expect(called.sort()).toEqual([...served, again].sort());
});
