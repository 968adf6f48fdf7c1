/** What the chart renders, and that a real API server takes it and gives the roles what they say. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readControllerConfig } from '../../controller/config.ts';
import { ROOT } from '../../scripts/tools.ts';
import type { Manifest } from '../support/apply.ts';
import { helm, type InstalledChart, installChart, renderChart } from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import type { Identity } from '../support/control-plane-client.ts';
import { isAllowed, untilAllowed } from '../support/rbac.ts';

const CHART = join(ROOT, 'charts/actiongrant');

const NODE_AFFINITY = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'pool', operator: 'In', values: ['system'] }] },
      ],
    },
  },
};

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

function ofKind(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

interface Webhook {
  name: string;
  namespaceSelector?: object;
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
    const configurations = manifests.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
    expect(configurations).toHaveLength(3);
    expect(JSON.stringify(configurations)).not.toContain('caBundle');
  });

  test('fails closed wherever it admits', async () => {
    const manifests = await renderChart();
    const webhooks = manifests
      .filter(({ kind }) => kind.endsWith('WebhookConfiguration'))
      .flatMap((manifest) => manifest['webhooks'] as { name: string; failurePolicy: string }[]);
    expect(webhooks.map(({ name, failurePolicy }) => `${name} ${failurePolicy}`)).toEqual([
      'stamp-requester.actiongrant.dev Fail',
      'inject-pod.actiongrant.dev Fail',
      // It only undoes what others did after the first. Where it did not, the policies refuse.
      'inject-pod-last.actiongrant.dev Ignore',
      'validate-grant.actiongrant.dev Fail',
    ]);
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

  test('injects into the namespaces that are selected, never into its own or kube-system', async () => {
    const matchLabels = { 'actiongrant.dev/inject': null, team: 'agents' };
    const matchExpressions = [{ key: 'stage', operator: 'Exists' }];
    const manifests = await renderChart({
      injection: { namespaceSelector: { matchLabels, matchExpressions } },
    });
    const webhooks = ofKind(manifests, 'MutatingWebhookConfiguration')
      .flatMap((configuration) => configuration['webhooks'] as Webhook[])
      .filter(({ name }) => name.startsWith('inject-pod'));
    const [{ namespaceSelector } = { namespaceSelector: undefined }] = webhooks;
    expect(webhooks.map((webhook) => [webhook.name, webhook.namespaceSelector])).toEqual([
      ['inject-pod.actiongrant.dev', namespaceSelector],
      ['inject-pod-last.actiongrant.dev', namespaceSelector],
    ]);
    expect(namespaceSelector).toEqual({
      matchLabels: { team: 'agents' },
      matchExpressions: [
        ...matchExpressions,
        {
          key: 'kubernetes.io/metadata.name',
          operator: 'NotIn',
          values: ['actiongrant-system', 'kube-system'],
        },
      ],
    });
    // What is refused when it was not injected is the same.
    const bindings = ofKind(manifests, 'ValidatingAdmissionPolicyBinding') as unknown as {
      metadata: { name: string };
      spec: { matchResources?: { namespaceSelector: object } };
    }[];
    const bound = bindings.filter(({ spec }) => spec.matchResources !== undefined);
    expect(bound.map(({ metadata }) => metadata.name)).toEqual([
      'actiongrant-exec',
      'actiongrant-pods',
      'actiongrant-pod-updates',
    ]);
    for (const { spec } of bound) expect(spec.matchResources).toEqual({ namespaceSelector });
  });

  test('asks for every object of its kind: nothing that an object says of itself keeps a webhook or policy from it', async () => {
    const manifests = await renderChart();
    const selectors = manifests
      .filter(({ kind }) => kind.endsWith('WebhookConfiguration'))
      .flatMap((manifest) => manifest['webhooks'] as Record<string, unknown>[])
      .map(({ name, objectSelector, namespaceSelector, matchConditions }) => ({
        name,
        objectSelector,
        namespaceSelector,
        matchConditions,
      }));
    const everywhere = {
      objectSelector: undefined,
      namespaceSelector: undefined,
      matchConditions: undefined,
    };
    const injected = {
      matchLabels: { 'actiongrant.dev/inject': 'enabled' },
      matchExpressions: [
        {
          key: 'kubernetes.io/metadata.name',
          operator: 'NotIn',
          values: ['actiongrant-system', 'kube-system'],
        },
      ],
    };
    expect(selectors).toEqual([
      { ...everywhere, name: 'stamp-requester.actiongrant.dev' },
      { ...everywhere, name: 'inject-pod.actiongrant.dev', namespaceSelector: injected },
      { ...everywhere, name: 'inject-pod-last.actiongrant.dev', namespaceSelector: injected },
      { ...everywhere, name: 'validate-grant.actiongrant.dev' },
    ]);
    const bindings = ofKind(manifests, 'ValidatingAdmissionPolicyBinding') as unknown as {
      spec: { matchResources?: object };
    }[];
    for (const { spec } of bindings) {
      expect([undefined, { namespaceSelector: injected }]).toContainEqual(spec.matchResources);
    }
    const policies = ofKind(manifests, 'ValidatingAdmissionPolicy') as unknown as {
      spec: { matchConstraints: object };
    }[];
    for (const { spec } of policies) {
      expect(Object.keys(spec.matchConstraints)).toEqual(['resourceRules']);
    }
  });

  test.for([
    ['IfNotPresent', '["Always","IfNotPresent"]'],
    ['Always', '["Always"]'],
    ['Never', '["Never"]'],
  ])('with the pull policy %s, admits sidecars with %s', async ([imagePullPolicy, admitted]) => {
    const manifests = await renderChart({ controller: { imagePullPolicy } });
    const pods = ofKind(manifests, 'ValidatingAdmissionPolicy').find(
      ({ metadata }) => metadata.name === 'actiongrant-pods',
    ) as unknown as { spec: { validations: { expression: string }[] } };
    const pulled = pods.spec.validations
      .map(
        ({ expression }) => /imagePullPolicy\.orValue\(''\) in (\[[^\]]*\])/.exec(expression)?.[1],
      )
      .filter((list) => list !== undefined);
    expect(pulled).toEqual([admitted]);
  });

  test('starts the controller with settings that it understands', async () => {
    const manifests = await renderChart({
      rbac: { agentNamespaces: ['soc', 'shop'] },
      controller: { podRatePerSecond: 100_000 },
      webhook: { port: 9443 },
      limits: { maxPendingPerAgent: 5, maxFinishedPerNamespace: 1_000_000 },
      apiServer: { hosts: ['api.cluster.example'], audiences: ['https://api.cluster.example'] },
      sidecar: {
        image: 'sidecar:1',
        imagePullSecrets: ['registry', 'mirror'],
        inertHeaders: ['x-tenant', 'x-trace'],
        privateDestinations: ['*.corp.example.com', '10.20.0.0/16', 'fd12::/32'],
        trustBundle: CERTIFICATE,
        logLevel: 'debug',
        resources: { limits: { cpu: 1 } },
      },
    });
    const [deployment] = ofKind(manifests, 'Deployment');
    const { template } = (deployment as Manifest)['spec'] as {
      template: { spec: { containers: [{ env: { name: string; value?: string }[] }] } };
    };
    const { ACTIONGRANT_SIDECAR_TRUST_BUNDLE, ...environment } = Object.fromEntries(
      template.spec.containers[0].env.map(({ name, value = 'from-the-pod' }) => [
        name,
        value.replace('$(KUBERNETES_SERVICE_HOST)', '10.96.0.1'),
      ]),
    );
    // The file of a mount that is not here.
    expect(ACTIONGRANT_SIDECAR_TRUST_BUNDLE).toBe('/etc/actiongrant/trust/trust.crt');
    expect(template).toMatchObject({
      spec: {
        containers: [{ volumeMounts: [{ name: 'trust', mountPath: '/etc/actiongrant/trust' }] }],
        volumes: [{ name: 'trust', configMap: { name: 'actiongrant-trust' } }],
      },
    });
    expect(ofKind(manifests, 'ConfigMap')).toMatchObject([
      { metadata: { name: 'actiongrant-trust' }, data: { 'trust.crt': CERTIFICATE } },
    ]);
    const config = readControllerConfig({ KUBERNETES_SERVICE_HOST: '10.96.0.1', ...environment });
    expect(config).toMatchObject({
      listen: { port: 9443 },
      operationsListen: { port: 8080 },
      agentNamespaces: ['soc', 'shop'],
      apiServerHosts: ['10.96.0.1', 'api.cluster.example'],
      apiServerAudiences: expect.arrayContaining(['https://api.cluster.example']),
      podRatePerSecond: 100_000,
      maxPendingPerAgent: 5,
      maxFinishedPerNamespace: 1_000_000,
      logLevel: 'info',
      injectionSelector: { matchLabels: { 'actiongrant.dev/inject': 'enabled' } },
      sidecar: {
        image: 'sidecar:1',
        imagePullPolicy: 'IfNotPresent',
        imagePullSecrets: ['registry', 'mirror'],
        inertHeaders: ['x-tenant', 'x-trace'],
        privateDestinations: ['*.corp.example.com', '10.20.0.0/16', 'fd12::/32'],
        logLevel: 'debug',
        resources: {
          requests: { cpu: '50m', memory: '96Mi' },
          limits: { cpu: '1', memory: '256Mi' },
        },
      },
    });
  });
});

interface PodTemplate {
  metadata: { annotations?: object };
  spec: {
    imagePullSecrets?: object;
    nodeSelector?: object;
    tolerations?: object;
    affinity?: object;
  };
}

/** The pods of a release: the controller's, that of the job before an uninstallation, and that of `helm test`. */
async function podsOfRelease(controller: object): Promise<PodTemplate[]> {
  const manifests = await renderChart({ controller }, { hooks: true });
  const templated = [...ofKind(manifests, 'Deployment'), ...ofKind(manifests, 'Job')].map(
    (manifest) => (manifest['spec'] as { template: PodTemplate }).template,
  );
  const pods = [...templated, ...(ofKind(manifests, 'Pod') as unknown as PodTemplate[])];
  expect(pods).toHaveLength(3);
  return pods;
}

describe('the pods of a release', () => {
  const tolerations = [{ key: 'dedicated', operator: 'Equal', value: 'system' }];

  test('are pulled with the Secrets that are named, and run where they may', async () => {
    const nodeSelector = { 'kubernetes.io/arch': 'amd64' };
    const pods = await podsOfRelease({ imagePullSecrets: ['a', 'b.c'], nodeSelector, tolerations });
    for (const { spec } of pods) {
      expect(spec).toMatchObject({ nodeSelector, tolerations });
      expect(spec.imagePullSecrets).toEqual([{ name: 'a' }, { name: 'b.c' }]);
    }
  });

  test('are the controller alone where it is about beside whom, and what others read of it', async () => {
    const podAnnotations = { 'example.com/owner': 'platform', 'example.com/on-call': 'true' };
    const [controller, ...jobs] = await podsOfRelease({ affinity: NODE_AFFINITY, podAnnotations });
    expect(controller?.spec.affinity).toEqual(NODE_AFFINITY);
    expect(controller?.metadata.annotations).toEqual(podAnnotations);
    for (const { spec, metadata } of jobs) {
      expect(spec).not.toHaveProperty('affinity');
      expect(metadata.annotations ?? {}).not.toHaveProperty(['example.com/owner']);
    }
  });

  test('say nothing of all this unless told to', async () => {
    for (const { spec, metadata } of await podsOfRelease({})) {
      for (const field of ['imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity']) {
        expect(spec).not.toHaveProperty(field);
      }
      expect(JSON.stringify(metadata.annotations ?? {})).not.toContain('example.com');
    }
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

  const rulesOfController = (namespace: string) => rulesOf(chart.controllerKubeconfig, namespace);

  /** The rules a ServiceAccount has of its own in a namespace, one line each, without what everybody has. */
  async function rulesOf(kubeconfig: string, namespace: string): Promise<string[]> {
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
    const own = await review(kubeconfig);
    return own.filter((rule) => !everybody.has(rule)).sort();
  }

  const EVERYWHERE = [
    'create patch events.events.k8s.io',
    'create subjectaccessreviews.authorization.k8s.io',
    'create tokenreviews.authentication.k8s.io',
    'get list watch delete actiongrants.actiongrant.dev',
    'get list watch namespaces',
    'get patch mutatingwebhookconfigurations.admissionregistration.k8s.io actiongrant,zz-actiongrant',
    'get patch validatingwebhookconfigurations.admissionregistration.k8s.io actiongrant,zz-actiongrant',
    'list mutatingwebhookconfigurations.admissionregistration.k8s.io',
    'update actiongrants/status.actiongrant.dev',
  ];

  test('the controller has exactly these rights where nobody invited it', async () => {
    const elsewhere = await plane.createNamespace('elsewhere');
    expect(await rulesOfController(elsewhere)).toEqual(EVERYWHERE);
  });

  test('the controller has exactly these rights among agents', async () => {
    const here = [
      'create configmaps',
      'create delete secrets',
      'create serviceaccounts/token',
      'get list watch pods',
      'get serviceaccounts',
      'get update delete configmaps actiongrant-sidecar',
      'list limitranges',
      'list resourcequotas',
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

  test('the job that runs before the release is deleted has exactly these rights', async () => {
    const as = await plane.kubeconfigFor({
      user: `system:serviceaccount:${chart.namespace}:actiongrant-uninstall`,
      groups: ['system:serviceaccounts'],
    });
    const everywhere = ['list delete actiongrants.actiongrant.dev', 'list namespaces'];
    expect(await rulesOf(as, 'default')).toEqual(everywhere);
    expect(await rulesOf(as, agents)).toEqual(['delete secrets', ...everywhere]);
    expect(await rulesOf(as, chart.namespace)).toEqual([
      'get deployments.apps actiongrant-controller',
      ...everywhere,
    ]);
  });

  test.for([
    ['the defaults', {}],
    [
      'everything that a plain cluster knows',
      {
        controller: {
          priorityClassName: 'system-cluster-critical',
          replicas: 3,
          imagePullSecrets: ['registry'],
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [
            { key: 'node', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2_592_000 },
          ],
          affinity: NODE_AFFINITY,
          podAnnotations: { 'example.com/owner': 'platform' },
        },
        sidecar: {
          image: 'registry.example/sidecar@sha256:aa',
          imagePullSecrets: ['registry'],
          trustBundle: CERTIFICATE,
        },
        injection: {
          namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] },
        },
        metrics: { grafanaDashboard: { enabled: true } },
        networkPolicy: {
          enabled: true,
          apiServerCIDRs: ['203.0.113.0/24', '2001:db8::/32'],
          admissionFrom: [{ ipBlock: { cidr: '203.0.113.0/24', except: ['203.0.113.9/32'] } }],
          metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
          agents: {
            enabled: true,
            ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 'ag-metrics' }] }],
            egress: [{ ports: [{ protocol: 'UDP', port: 1024, endPort: 2048 }] }],
          },
        },
      },
    ],
    [
      'as little as possible',
      {
        controller: {
          replicas: 1,
          podDisruptionBudget: { enabled: false },
          topologySpreadConstraints: false,
          resources: { requests: null, limits: null },
        },
        rbac: { aggregateToView: false },
      },
    ],
  ] as const)(
    'with %s every object is one that the API server takes, hooks too',
    async ([, values]) => {
      const text = await helm(
        [
          'template',
          'actiongrant',
          CHART,
          `--namespace=${chart.namespace}`,
          '--values=-',
          `--set=rbac.agentNamespaces={${agents}}`,
        ],
        stringify(values),
      );
      const answer = await plane.kubectl(
        [
          'apply',
          '--server-side',
          '--force-conflicts',
          '--field-manager=helm',
          '--dry-run=server',
          '--validate=strict',
          '-f',
          '-',
        ],
        // The accounts of hooks do not exist yet, where nothing is stored.
        {
          input: text.replaceAll(
            'serviceAccountName: actiongrant-test',
            'serviceAccountName: actiongrant-uninstall',
          ),
        },
      );
      expect(answer.stderr).toBe('');
      expect(answer.code).toBe(0);
      expect(answer.stdout).toContain('job.batch/actiongrant-uninstall serverside-applied');
      expect(answer.stdout).toContain('pod/actiongrant-test serverside-applied');
    },
  );

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
    const ofGroup = (question: string): string =>
      question.includes(' action') ? `${question}.actiongrant.dev` : question;
    const may = (question: string): Promise<boolean> =>
      isAllowed(plane, { user: role }, ofGroup(question), agents);
    await untilAllowed(plane, { user: role }, allowed.slice(0, 1).map(ofGroup), agents);
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
