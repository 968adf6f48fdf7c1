/** What the chart renders, and that a real API server takes it and gives the roles what they say. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readControllerConfig } from '../../controller/config.ts';
import { ROOT } from '../../scripts/tools.ts';
import {
  helm,
  type InstalledChart,
  installChart,
  type Manifest,
  renderChart,
} from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import type { Identity } from '../support/control-plane-client.ts';

const CHART = join(ROOT, 'charts/actiongrant');

function ofKind(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

describe('the chart', () => {
  test('has nothing that helm lint would say, warnings included', async () => {
    expect(await helm(['lint', '--strict', CHART])).toContain(
      '1 chart(s) linted, 0 chart(s) failed',
    );
  });

  test('renders the CRD of crds/ as it is, kept when uninstalled', async () => {
    const [crd] = ofKind(await renderChart(), 'CustomResourceDefinition');
    const source = parse(readFileSync(join(ROOT, 'crds/actiongrants.yaml'), 'utf8'), {
      maxAliasCount: -1,
    });
    expect(crd).toEqual({
      ...source,
      metadata: { ...source.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } },
    });
  });

  test('can leave the CRD out, or let it go', async () => {
    const without = await renderChart({ crds: { enabled: false } });
    expect(ofKind(without, 'CustomResourceDefinition')).toEqual([]);
    const [crd] = ofKind(await renderChart({ crds: { keep: false } }), 'CustomResourceDefinition');
    expect(crd?.metadata).not.toHaveProperty('annotations');
  });

  test('renders nothing that the controller writes', async () => {
    const manifests = await renderChart();
    expect(ofKind(manifests, 'Secret')).toEqual([]);
    expect(ofKind(manifests, 'ConfigMap')).toEqual([]);
    expect(JSON.stringify(manifests)).not.toContain('caBundle');
  });

  test('fails closed wherever it admits', async () => {
    const manifests = await renderChart();
    const policies = ofKind(manifests, 'ValidatingAdmissionPolicy') as unknown as {
      metadata: { name: string };
      spec: { failurePolicy: string; validations: { message: string }[] };
    }[];
    const bindings = ofKind(manifests, 'ValidatingAdmissionPolicyBinding') as unknown as {
      spec: { policyName: string; validationActions: string[] };
    }[];
    expect(policies.map(({ spec }) => spec.failurePolicy)).toEqual(policies.map(() => 'Fail'));
    expect(bindings.map(({ spec }) => spec.validationActions)).toEqual(
      bindings.map(() => ['Deny']),
    );
    expect(bindings.map(({ spec }) => spec.policyName).sort()).toEqual(
      policies.map(({ metadata }) => metadata.name).sort(),
    );
    for (const { message } of policies.flatMap(({ spec }) => spec.validations)) {
      expect(message).toMatch(/^[a-zA-Z.]+: .*\.$/);
    }
  });

  test('starts the controller with settings that it understands', async () => {
    const [deployment] = ofKind(
      await renderChart({
        rbac: { agentNamespaces: ['soc', 'shop'] },
        webhook: { port: 9443 },
        apiServer: { hosts: ['api.cluster.example'], audiences: ['https://api.cluster.example'] },
      }),
      'Deployment',
    );
    const { template } = (deployment as Manifest)['spec'] as {
      template: { spec: { containers: [{ env: { name: string; value?: string }[] }] } };
    };
    const environment = Object.fromEntries(
      template.spec.containers[0].env.map(({ name, value = 'from-the-pod' }) => [
        name,
        value.replace('$(KUBERNETES_SERVICE_HOST)', '10.96.0.1'),
      ]),
    );
    const config = readControllerConfig({ KUBERNETES_SERVICE_HOST: '10.96.0.1', ...environment });
    expect(config).toMatchObject({
      listen: { port: 9443 },
      operationsListen: { port: 8080 },
      agentNamespaces: ['soc', 'shop'],
      apiServerHosts: ['10.96.0.1', 'api.cluster.example'],
      apiServerAudiences: expect.arrayContaining(['https://api.cluster.example']),
      logLevel: 'info',
    });
  });

  test.for([
    ['an unknown value', { sidecar: {} }, 'sidecar'],
    ['a misspelt value', { rbac: { agentNamespace: [] } }, 'agentNamespace'],
    ['another certificate source', { webhook: { certificates: 'CertManager' } }, 'certificates'],
    ['a webhook slower than the API server waits', { webhook: { timeoutSeconds: 31 } }, 'timeout'],
    ['agents beside the controller', { rbac: { agentNamespaces: ['actiongrant-system'] } }, 'own'],
    ['agents in kube-system', { rbac: { agentNamespaces: ['kube-system'] } }, 'own'],
  ] as const)('refuses %s', async ([, values, words]) => {
    await expect(renderChart(values)).rejects.toThrow(words);
  });
});

describe('on a cluster', () => {
  let plane: OwnControlPlane;
  let chart: InstalledChart;
  let agents: string;

  beforeAll(async () => {
    plane = await startControlPlane();
    agents = await plane.createNamespace('agents');
    chart = await installChart(
      plane,
      { rbac: { agentNamespaces: [agents] } },
      { webhookURL: 'https://127.0.0.1:9' },
    );
  });
  afterAll(() => plane.stop());

  test('can be installed again over itself, keeping what the controller wrote', async () => {
    const path =
      '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/actiongrant';
    const body = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: 'YQ==' }];
    await plane.api('PATCH', path, body, {
      as: chart.controllerKubeconfig,
      contentType: 'application/json-patch+json',
    });
    await installChart(
      plane,
      { rbac: { agentNamespaces: [agents] } },
      { webhookURL: 'https://127.0.0.1:9' },
    );
    const { webhooks } = await plane.api<{ webhooks: { clientConfig: object }[] }>('GET', path);
    expect(webhooks[0]?.clientConfig).toMatchObject({ caBundle: 'YQ==' });
  });

  /** The rules a ServiceAccount has of its own in a namespace, one line each, without what everybody has. */
  async function rulesOfController(namespace: string): Promise<string[]> {
    const review = async (as: string) => {
      const { status } = await plane.api<{
        status: {
          resourceRules: {
            verbs: string[];
            apiGroups?: string[];
            resources: string[];
            resourceNames?: string[];
          }[];
        };
      }>(
        'POST',
        '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
        { spec: { namespace } },
        { as },
      );
      return status.resourceRules.flatMap(({ verbs, apiGroups = [], resources, resourceNames }) =>
        apiGroups.flatMap((group) =>
          resources.map(
            (resource) =>
              `${verbs.join(' ')} ${resource}${group === '' ? '' : `.${group}`}${resourceNames ? ` ${resourceNames}` : ''}`,
          ),
        ),
      );
    };
    const nobody: Identity = { user: 'nobody', groups: ['system:serviceaccounts'] };
    const everybody = new Set(await review(await plane.kubeconfigFor(nobody)));
    const own = await review(chart.controllerKubeconfig);
    return own.filter((rule) => !everybody.has(rule)).sort();
  }

  const EVERYWHERE = [
    'create patch events.events.k8s.io',
    'create subjectaccessreviews.authorization.k8s.io',
    'create tokenreviews.authentication.k8s.io',
    'get list watch delete actiongrants.actiongrant.dev',
    'get list watch namespaces',
    'get patch mutatingwebhookconfigurations.admissionregistration.k8s.io actiongrant',
    'get patch validatingwebhookconfigurations.admissionregistration.k8s.io actiongrant',
    'update actiongrants/status.actiongrant.dev',
  ];

  test('the controller has exactly these rights where nobody invited it', async () => {
    const elsewhere = await plane.createNamespace('elsewhere');
    expect(await rulesOfController(elsewhere)).toEqual(EVERYWHERE);
  });

  test('the controller has exactly these rights among agents', async () => {
    const here = [
      'create delete secrets',
      'create serviceaccounts/token',
      'get list watch pods',
      'get serviceaccounts',
    ];
    expect(await rulesOfController(agents)).toEqual([...EVERYWHERE, ...here].sort());
  });

  test('the controller has exactly these rights at home', async () => {
    const here = [
      'create configmaps',
      'create leases.coordination.k8s.io',
      'create secrets',
      'get update configmaps actiongrant-ca',
      'get update leases.coordination.k8s.io actiongrant-controller',
      'get update secrets actiongrant-ca',
    ];
    expect(await rulesOfController(chart.namespace)).toEqual([...EVERYWHERE, ...here].sort());
  });

  test('the controller has exactly these rights in the default namespace', async () => {
    const here = ['list endpointslices.discovery.k8s.io'];
    expect(await rulesOfController('default')).toEqual([...EVERYWHERE, ...here].sort());
  });

  test.for<[role: string, allowed: readonly string[], refused: readonly string[]]>([
    [
      'actiongrant-requester',
      ['create actiongrants', 'get actiongrants', 'list actiongrants', 'watch actiongrants'],
      [
        'update actiongrants',
        'delete actiongrants',
        'update actiongrants/status',
        'create actiondecisions',
        'get secrets',
      ],
    ],
    [
      'actiongrant-decider',
      ['create actiongrants', 'get actiongrants', 'create actiondecisions'],
      [
        'update actiongrants/status',
        'delete actiondecisions',
        'delegate serviceaccounts',
        'get secrets',
      ],
    ],
    [
      'actiongrant-viewer',
      ['get actiongrants', 'list actiongrants'],
      ['create actiongrants', 'get pods'],
    ],
    [
      'actiongrant-auditor',
      ['get actiongrants', 'watch actiongrants'],
      ['create actiongrants', 'get pods'],
    ],
  ])('the role %s may what it says, and no more', async ([role, allowed, refused]) => {
    await plane.api(
      'POST',
      `/apis/rbac.authorization.k8s.io/v1/namespaces/${agents}/rolebindings`,
      {
        metadata: { name: `test-${role}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: role }],
      },
    );
    const may = async (question: string): Promise<boolean> => {
      const [verb, full = ''] = question.split(' ');
      const [resource = '', subresource] = full.split('/');
      const group = resource.startsWith('action') ? 'actiongrant.dev' : '';
      const { status } = await plane.api<{ status: { allowed: boolean } }>(
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          spec: {
            user: role,
            resourceAttributes: { namespace: agents, verb, group, resource, subresource },
          },
        },
      );
      return status.allowed;
    };
    const answers = await Promise.all(
      [...allowed, ...refused].map(async (question) => [question, await may(question)]),
    );
    expect(answers).toEqual([
      ...allowed.map((question) => [question, true]),
      ...refused.map((question) => [question, false]),
    ]);
  });

  test('viewers aggregate into view, unless told not to', async () => {
    const viewer = (manifests: readonly Manifest[]) =>
      ofKind(manifests, 'ClusterRole').find(
        ({ metadata }) => metadata.name === 'actiongrant-viewer',
      );
    const label = 'rbac.authorization.k8s.io/aggregate-to-view';
    expect(viewer(await renderChart())?.metadata).toHaveProperty(['labels', label], 'true');
    const without = await renderChart({ rbac: { aggregateToView: false } });
    expect(viewer(without)?.metadata).not.toHaveProperty(['labels', label]);
  });
});

test('the copy of crds/ in the chart is current', async () => {
  const copy = readFileSync(join(CHART, 'files/crds/actiongrants.yaml'), 'utf8');
  expect(copy).toBe(readFileSync(join(ROOT, 'crds/actiongrants.yaml'), 'utf8'));
});
