/**
 * The NetworkPolicies of the chart, word for word. On the node of the tests no network plugin enforces any, so that what they
 * say is what was meant is all that is proved of them.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import { ROOT } from '../../scripts/tools.ts';
import { renderChart } from '../support/chart.ts';

const EXAMPLE = join(ROOT, 'docs/examples/network-policy.yaml');
const API_SERVERS = { ipBlock: { cidr: '203.0.113.0/28' } };
const CONTROLLER = {
  'app.kubernetes.io/name': 'actiongrant',
  'app.kubernetes.io/component': 'controller',
};

/** What each NetworkPolicy of the release says, by namespace and name. */
async function policies(networkPolicy: object, values: object = {}): Promise<object> {
  const manifests = await renderChart({
    rbac: { agentNamespaces: ['soc', 'shop'] },
    ...values,
    networkPolicy,
  });
  return Object.fromEntries(
    manifests
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map(({ metadata: { namespace, name }, ...manifest }) => [
        `${namespace}/${name}`,
        manifest['spec'],
      ]),
  );
}

const toApiServers = { ports: [443, 6443].map((port) => ({ protocol: 'TCP', port })) };

test('without an answer to where admission is called from, everybody reaches the controller', async () => {
  expect(await policies({ enabled: true })).toEqual({
    'actiongrant-system/actiongrant-controller': {
      podSelector: { matchLabels: CONTROLLER },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [{ protocol: 'TCP', port: 'https' }] }],
      egress: [toApiServers],
    },
  });
});

test('with one, only API servers, pods of agents and helm test do', async () => {
  const scraper = { podSelector: { matchLabels: { app: 'prometheus' } } };
  expect(
    await policies({
      enabled: true,
      admissionFrom: [API_SERVERS],
      apiServerCIDRs: ['203.0.113.1/32', '2001:db8::1/128'],
      apiServerPorts: [6443],
      metricsFrom: [scraper],
    }),
  ).toEqual({
    'actiongrant-system/actiongrant-controller': {
      podSelector: { matchLabels: CONTROLLER },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          ports: [{ protocol: 'TCP', port: 'https' }],
          from: [
            API_SERVERS,
            {
              namespaceSelector: {
                matchExpressions: [
                  { key: 'kubernetes.io/metadata.name', operator: 'In', values: ['soc', 'shop'] },
                ],
              },
            },
            {
              podSelector: {
                matchLabels: {
                  'app.kubernetes.io/name': 'actiongrant',
                  'app.kubernetes.io/component': 'test',
                },
              },
            },
          ],
        },
        { ports: [{ protocol: 'TCP', port: 'operations' }], from: [scraper] },
      ],
      egress: [
        {
          ports: [{ protocol: 'TCP', port: 6443 }],
          to: [{ ipBlock: { cidr: '203.0.113.1/32' } }, { ipBlock: { cidr: '2001:db8::1/128' } }],
        },
      ],
    },
  });
});

test('the pod of helm test is the one that is let in', async () => {
  const [pod] = (await renderChart({}, { hooks: true })).filter(({ kind }) => kind === 'Pod');
  expect(pod?.metadata).toMatchObject({
    namespace: 'actiongrant-system',
    labels: {
      'app.kubernetes.io/name': 'actiongrant',
      'app.kubernetes.io/component': 'test',
    },
  });
});

test('while there are no agents, no namespace is selected: an empty selector would select every pod', async () => {
  const values = { rbac: { agentNamespaces: [] } };
  const { 'actiongrant-system/actiongrant-controller': spec } = (await policies(
    { enabled: true, admissionFrom: [API_SERVERS], agents: { enabled: true } },
    values,
  )) as Record<string, { ingress: [{ from: object[] }] }>;
  expect(spec?.ingress[0].from).toEqual([API_SERVERS, { podSelector: expect.anything() }]);
});

const TO_DNS = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};
const toController = (port: number) => ({
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'actiongrant-system' } },
      podSelector: { matchLabels: CONTROLLER },
    },
  ],
  ports: [{ protocol: 'TCP', port }],
});

test('agents reach DNS and the controller, are reached by nobody, and the rest is what the operator lists', async () => {
  const closed = {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    ingress: [],
    egress: [TO_DNS, toController(9443)],
  };
  const webhook = { port: 9443 };
  expect(await policies({ agents: { enabled: true } }, { webhook })).toEqual({
    'soc/actiongrant-agents': closed,
    'shop/actiongrant-agents': closed,
  });

  const ingress = [{ from: [{ podSelector: {} }], ports: [{ port: SIDECAR_PORTS.operations }] }];
  const egress = [{ to: [API_SERVERS], ports: [{ port: 443 }] }, { ports: [{ port: 8443 }] }];
  const opened = { ...closed, ingress, egress: [...closed.egress, ...egress] };
  expect(await policies({ agents: { enabled: true, ingress, egress } }, { webhook })).toEqual({
    'soc/actiongrant-agents': opened,
    'shop/actiongrant-agents': opened,
  });
});

test('the example is what the chart writes, with the services of its reader', async () => {
  const { metadata, spec } = parse(readFileSync(EXAMPLE, 'utf8')) as {
    metadata: { namespace: string };
    spec: { egress: object[] };
  };
  const written = await policies(
    { agents: { enabled: true, egress: spec.egress.slice(2) } },
    { rbac: { agentNamespaces: [metadata.namespace] } },
  );
  expect(written).toEqual({ [`${metadata.namespace}/actiongrant-agents`]: spec });
});
