/** What the chart asks of the cluster so that the controller stays there: admission fails closed without it. */

import { describe, expect, test } from 'vitest';
import type { Manifest } from '../support/apply.ts';
import { renderChart } from '../support/chart.ts';

const SELECTED = {
  matchLabels: {
    'app.kubernetes.io/name': 'actiongrant',
    'app.kubernetes.io/component': 'controller',
  },
};

interface DeploymentSpec {
  readonly strategy: object;
  readonly selector: object;
  readonly template: { readonly spec: Record<string, unknown> };
}

async function rendered(kind: string, values: object): Promise<Manifest[]> {
  return (await renderChart(values)).filter((manifest) => manifest.kind === kind);
}

async function deploymentSpec(controller: object = {}): Promise<DeploymentSpec> {
  const [deployment] = await rendered('Deployment', { controller });
  return deployment?.['spec'] as DeploymentSpec;
}

const podSpec = async (controller: object = {}) => (await deploymentSpec(controller)).template.spec;

test.each([2, 5])('of %i replicas none goes before another has come', async (replicas) => {
  expect(await deploymentSpec({ replicas })).toMatchObject({
    replicas,
    minReadySeconds: 3,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: SELECTED,
  });
});

test('replicas are spread over nodes and zones as far as there are that many, unless told not to', async () => {
  const spread = ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: 'ScheduleAnyway',
    matchLabelKeys: ['pod-template-hash'],
    labelSelector: SELECTED,
  }));
  expect(await podSpec()).toHaveProperty('topologySpreadConstraints', spread);
  const without = await podSpec({ topologySpreadConstraints: false });
  expect(without).not.toHaveProperty('topologySpreadConstraints');
});

test('replicas have the priority class that is named, and none by default', async () => {
  expect(await podSpec()).not.toHaveProperty('priorityClassName');
  const named = await podSpec({ priorityClassName: 'system-cluster-critical' });
  expect(named).toHaveProperty('priorityClassName', 'system-cluster-critical');
});

test('one replica at a time may be drained away, unless told not to care', async () => {
  const budgets = (enabled: boolean) =>
    rendered('PodDisruptionBudget', { controller: { podDisruptionBudget: { enabled } } });
  expect(await budgets(true)).toMatchObject([
    {
      spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: SELECTED },
    },
  ]);
  expect(await budgets(false)).toEqual([]);
});

describe('the API server waits for every webhook', () => {
  test.each([
    ['five seconds by default', {}, 5],
    ['as long as it is told', { webhook: { timeoutSeconds: 9 } }, 9],
  ])('%s', async (_, values, seconds) => {
    const webhooks = (await renderChart(values))
      .filter(({ kind }) => kind.endsWith('WebhookConfiguration'))
      .flatMap((manifest) => manifest['webhooks'] as { timeoutSeconds: number }[]);
    expect(webhooks.length).toBeGreaterThan(0);
    expect(new Set(webhooks.map(({ timeoutSeconds }) => timeoutSeconds))).toEqual(
      new Set([seconds]),
    );
  });
});
