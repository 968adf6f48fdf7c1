/** What the chart renders for Prometheus and Grafana speaks of metrics that exist. */

import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { SIDECAR_METRICS_PORT_NAME } from '../../api/pod-layout.ts';
import { ROOT } from '../../scripts/tools.ts';
import { helm, type Manifest, renderChart } from '../support/chart.ts';
import { codesIn, rowsOf } from '../unit/docs/tables.ts';

const OPERATOR = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'];
const ON = { enabled: true, labels: { release: 'prometheus' } };
const VALUES = {
  rbac: { agentNamespaces: ['soc', 'shop'] },
  metrics: { serviceMonitor: ON, podMonitor: ON, prometheusRule: ON, grafanaDashboard: ON },
};

let manifests: Manifest[];

beforeAll(async () => {
  const text = await helm(
    [
      'template',
      'actiongrant',
      join(ROOT, 'charts/actiongrant'),
      '--namespace=actiongrant-system',
      '--values=-',
      ...OPERATOR.map((kind) => `--api-versions=monitoring.coreos.com/v1/${kind}`),
    ],
    stringify(VALUES),
  );
  manifests = parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
});

function find<T>(kind: string, name: string): T {
  const found = manifests.find((m) => m.kind === kind && m.metadata.name === name);
  expect(found, `${kind} ${name}`).toBeDefined();
  return found as unknown as T;
}

/** Every metric of ours that exists, with the series of histograms. */
function existingSeries(): Set<string> {
  const rows = [...rowsOf('metrics.md', 'Controller'), ...rowsOf('metrics.md', 'Sidecar')];
  return new Set(
    rows.flatMap(([name, type]) => {
      const [metric = ''] = codesIn(name);
      if (type !== 'histogram') return [metric];
      return ['_bucket', '_count', '_sum'].map((suffix) => metric + suffix);
    }),
  );
}

/** Labels by metric, those of every kind of series included. */
function labelsOf(series: string): string[] {
  const metric = series.replace(/_(?:bucket|count|sum)$/, '');
  const rows = [...rowsOf('metrics.md', 'Controller'), ...rowsOf('metrics.md', 'Sidecar')];
  return rows
    .filter(([name]) => [metric, series].includes(codesIn(name)[0] ?? ''))
    .flatMap(([, type, labels]) => [...codesIn(labels), ...(type === 'histogram' ? ['le'] : [])]);
}

function expectToExist(expression: string): void {
  const used = expression.match(/actiongrant_[a-z_]+/g) ?? [];
  expect(used.length, expression).toBeGreaterThan(0);
  for (const series of used) expect(existingSeries(), expression).toContain(series);
  const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, labels = '']) =>
    labels.split(',').map((label) => label.trim()),
  );
  const matched = [...expression.matchAll(/\{([a-z_]+)=/g)].map(([, label = '']) => label);
  for (const label of [...grouped, ...matched]) {
    expect(used.flatMap(labelsOf), expression).toContain(label);
  }
}

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
      expectToExist(expr);
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
        targets: { expr: string }[];
      }[];
    };
    expect(dashboard).toMatchObject({ uid: 'actiongrant', title: 'ActionGrant' });
    expect(dashboard.templating.list).toMatchObject([{ name: 'datasource', type: 'datasource' }]);
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { targets, datasource, gridPos } of panels) {
      expect(datasource.uid).toMatch(/^\$\{datasource\}$/);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (const { expr } of targets) expectToExist(expr);
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
