/**
 * What the chart renders for Prometheus and Grafana: expressions in PromQL's own grammar, about series that our processes have,
 * in objects that an API server with the operator's own CRDs takes.
 */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createControllerMetrics, registerGauges } from '../../controller/record/metrics.ts';
import { SIDECAR_METRICS_PORT_NAME } from '../../core/api/pod-layout.ts';
import { createRegistry } from '../../process/metrics.ts';
import { ROOT } from '../../scripts/tools.ts';
import { createSidecarMetrics } from '../../sidecar/metrics.ts';
import type { Manifest } from '../support/apply.ts';
import { renderChart } from '../support/chart.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type KnownSeries, promqlFaults, type SeriesFacts } from '../support/promql.ts';
import { shareControlPlane } from '../support/shared.ts';
import { codesIn, rowsOf } from '../unit/docs/tables.ts';

const OPERATOR = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'];
const ON = { enabled: true, labels: { release: 'prometheus' } };

let manifests: Manifest[];
let series: KnownSeries;

beforeAll(async () => {
  manifests = await renderChart(
    {
      rbac: { agentNamespaces: ['soc', 'shop'] },
      metrics: { serviceMonitor: ON, podMonitor: ON, prometheusRule: ON, grafanaDashboard: ON },
    },
    { apiVersions: OPERATOR.map((kind) => `monitoring.coreos.com/v1/${kind}`) },
  );
  series = await existingSeries();
});

/** Every series that a controller or a sidecar is scraped for, from its first moment on. */
async function existingSeries(): Promise<KnownSeries> {
  const controller = createRegistry('0.1.0');
  createControllerMetrics(controller);
  registerGauges(controller, {
    grantsByPhase: () => new Map(),
    pendingOldestAgeSeconds: () => 0,
    credentialsLive: () => 0,
    credentialsOverdue: () => 0,
    cacheLastSync: () => new Map(['actiongrants', 'namespaces', 'pods'].map((name) => [name, 0])),
    certificateExpirations: () => new Map([['serving', 0]]),
  });
  const sidecar = createRegistry('0.1.0');
  createSidecarMetrics(sidecar);
  const known = new Map<string, SeriesFacts & { labels: Map<string, Set<string>> }>();
  for (const metric of (
    await Promise.all([controller.getMetricsAsJSON(), sidecar.getMetricsAsJSON()])
  ).flat()) {
    // prom-client's typings have an enum here, its values are names.
    const type = String(metric.type) === 'gauge' ? 'gauge' : 'counter';
    for (const value of metric.values) {
      const name = 'metricName' in value ? String(value.metricName) : metric.name;
      const facts = known.get(name) ?? { type, labels: new Map() };
      known.set(name, facts);
      for (const [label, text] of Object.entries(value.labels)) {
        facts.labels.set(label, (facts.labels.get(label) ?? new Set()).add(String(text)));
      }
    }
  }
  return known;
}

function find<T>(kind: string, name: string): T {
  const found = manifests.find((m) => m.kind === kind && m.metadata.name === name);
  expect(found, `${kind} ${name}`).toBeDefined();
  return found as unknown as T;
}

/** The labels that a legend of Grafana or a text of Prometheus's templates names. */
function labelsIn(...texts: string[]): string[] {
  return texts.flatMap((text) =>
    [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label = '']) => label),
  );
}

test.for<[expression: string, fault: RegExp, ...shown: string[]]>([
  ['max(actiongrant_credentials_live', /^syntax error at 32/],
  ['rat(actiongrant_uses_total[5m])', /^syntax error at 3/],
  ['sum(rate(actiongrant_uses_total[$range]))', /^syntax error at 32/],
  ['time() > 300', /^no series at all$/],
  ['max(actiongrant_credentials)', /^no series actiongrant_credentials$/],
  ['sum(rate(actiongrant_decision_wait_seconds[5m]))', /^no series actiongrant_decision_wait_se/],
  ['max by (kind) (actiongrant_grants)', /^no label kind of what is in max by/],
  ['max(actiongrant_grants{state="Pending"})', /^no label state of actiongrant_grants/],
  ['max(actiongrant_grants{phase="pending"})', /^no value pending of phase$/],
  ['max(actiongrant_grants{phase=~"Approve|Deny"})', /^no value Approve\|Deny of phase$/],
  ['sum(actiongrant_uses_total) > 0', /^actiongrant_uses_total is a counter, in nothing$/],
  ['rate(actiongrant_grants[5m])', /^actiongrant_grants is a gauge, in rate$/],
  [
    'histogram_quantile(0.9, sum(rate(actiongrant_decision_wait_seconds_bucket[5m])))',
    /has no le left$/,
  ],
  ['max by (phase) (actiongrant_grants)', /^no label code in the result of/, 'phase', 'code'],
  ['absent(actiongrant_grants)', /^no label phase in the result of/, 'phase'],
])('an expression that says nothing would be noticed: %s', ([expression, fault, ...shown]) => {
  expect(promqlFaults(expression, series, shown)).toEqual([expect.stringMatching(fault)]);
});

describe('with monitoring', () => {
  interface Rule {
    alert: string;
    expr: string;
    annotations: Record<string, string>;
    labels: { severity: string };
  }

  test('alerts have a severity, a text, and metrics that exist', () => {
    const { spec, metadata } = find<{
      metadata: object;
      spec: { groups: [{ rules: Rule[] }] };
    }>('PrometheusRule', 'actiongrant');
    expect(metadata).toMatchObject({ labels: { release: 'prometheus' } });
    const [{ rules }] = spec.groups;
    expect(rules.length).toBeGreaterThan(5);
    for (const { expr, annotations, labels } of rules) {
      expect(promqlFaults(expr, series, labelsIn(...Object.values(annotations)))).toEqual([]);
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      expect(annotations).toEqual({
        summary: expect.stringMatching(/\.$/),
        description: expect.any(String),
      });
    }
  });

  test('the page on monitoring has every alert', () => {
    const { spec } = find<{ spec: { groups: [{ rules: Rule[] }] } }>(
      'PrometheusRule',
      'actiongrant',
    );
    const documented = rowsOf('../how-to/monitor.md', 'Alerts').flatMap(([name]) => codesIn(name));
    expect(documented).toEqual(spec.groups[0].rules.map(({ alert }) => alert));
  });

  test('the dashboard is one that Grafana can load, of metrics that exist', () => {
    const { data, metadata } = find<{ metadata: object; data: Record<string, string> }>(
      'ConfigMap',
      'actiongrant-dashboard',
    );
    expect(metadata).toMatchObject({ labels: { release: 'prometheus', grafana_dashboard: '1' } });
    const dashboard = JSON.parse(data['actiongrant.json'] ?? '') as {
      uid: string;
      title: string;
      schemaVersion: number;
      templating: { list: { name: string; type: string }[] };
      panels: {
        id: number;
        title: string;
        datasource: { uid: string };
        gridPos: { x: number; w: number };
        targets: { expr: string; legendFormat: string }[];
      }[];
    };
    expect(dashboard).toMatchObject({ uid: 'actiongrant', title: 'ActionGrant' });
    expect(dashboard.templating.list).toMatchObject([{ name: 'datasource', type: 'datasource' }]);
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { targets, datasource, gridPos } of panels) {
      expect(datasource.uid).toMatch(/^\$\{datasource\}$/);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (const { expr, legendFormat } of targets) {
        // As Grafana does before it asks Prometheus.
        const asked = expr.replaceAll('$__rate_interval', '5m');
        expect(promqlFaults(asked, series, labelsIn(legendFormat))).toEqual([]);
      }
    }
  });

  test('the controller is scraped through a Service that has its port', () => {
    const { spec } = find<{
      spec: { selector: { matchLabels: object }; endpoints: [{ port: string; path: string }] };
    }>('ServiceMonitor', 'actiongrant-controller');
    const service = find<{
      metadata: { labels: object };
      spec: { ports: { name: string }[]; selector: object };
    }>('Service', 'actiongrant-controller-metrics');
    expect(service.metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(service.spec.ports.map(({ name }) => name)).toEqual([spec.endpoints[0].port]);
    const admission = find<{ metadata: { labels: object } }>('Service', 'actiongrant-controller');
    expect(admission.metadata.labels).not.toMatchObject(spec.selector.matchLabels);
    const deployment = find<{ spec: { template: { metadata: { labels: object } } } }>(
      'Deployment',
      'actiongrant-controller',
    );
    expect(deployment.spec.template.metadata.labels).toMatchObject(service.spec.selector);
  });

  test('sidecars are scraped where agents are, by the port that injection declares', () => {
    expect(find('PodMonitor', 'actiongrant-sidecars')).toMatchObject({
      spec: {
        namespaceSelector: { matchNames: ['soc', 'shop'] },
        podMetricsEndpoints: [{ port: SIDECAR_METRICS_PORT_NAME, path: '/metrics' }],
      },
    });
  });

  test('nothing of it is there unless it is asked for', async () => {
    const kinds = new Set((await renderChart()).map(({ kind }) => kind));
    for (const kind of [...OPERATOR, 'ConfigMap', 'NetworkPolicy'])
      expect(kinds).not.toContain(kind);
  });
});

describe("an API server with the operator's own CRDs", () => {
  const directory = join(ROOT, 'test/support/prometheus-operator');
  const files = ['podmonitors', 'prometheusrules', 'servicemonitors'].map(
    (name) => `--filename=${join(directory, `${name}.yaml`)}`,
  );
  let plane: ControlPlane;
  let namespace: string;

  beforeAll(async () => {
    plane = await shareControlPlane();
    namespace = await plane.createNamespace('monitoring');
    const { code, stderr } = await plane.kubectl(['apply', '--server-side', ...files]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await eventually(async () => {
      const args = ['wait', '--for=condition=Established', '--timeout=30s', ...files];
      expect(await plane.kubectl(args)).toMatchObject({ code: 0 });
    });
  });
  afterAll(() => plane.disconnect());

  const create = (manifest: object) =>
    plane.kubectl(
      ['create', '--dry-run=server', '--validate=strict', `--namespace=${namespace}`, '-f', '-'],
      { input: stringify(manifest) },
    );
  const ofKind = (kind: string): Manifest => {
    const found = manifests.filter((manifest) => manifest.kind === kind);
    expect(found).toHaveLength(1);
    const [{ metadata, ...rest }] = found as [Manifest];
    return { ...rest, metadata: { ...metadata, namespace } } as Manifest;
  };

  test.for(OPERATOR)('takes the %s, and knows every field of it', async (kind) => {
    const { code, stdout, stderr } = await create(ofKind(kind));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('created (server dry run)');
  });

  test.for<[kind: string, wrong: object, words: string]>([
    [
      'ServiceMonitor',
      { endpoints: [{ ports: 'operations' }] },
      'unknown field "spec.endpoints[0]',
    ],
    [
      'PodMonitor',
      { podMetricsEndpoints: [{ interval: '30' }] },
      'podMetricsEndpoints[0].interval',
    ],
    ['PrometheusRule', { groups: [{ rules: [] }] }, 'spec.groups[0].name'],
  ])('would refuse a %s with %j', async ([kind, wrong, words]) => {
    const manifest = ofKind(kind);
    const spec = { ...(manifest['spec'] as object), ...wrong };
    const { code, stderr } = await create({ ...manifest, spec });
    expect(code).toBe(1);
    expect(stderr).toContain(words);
  });
});
