import { describe, expect, test } from 'vitest';
import { fitted } from '../../../../controller/injection/namespace-limits.ts';
import type { LimitRangeItem, ResourceQuota } from '../../../../core/kubernetes/resources.ts';

const RESOURCES = { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } };
const IN = {
  namespace: 'soc',
  bounds: { min: { memory: '128Mi' }, max: { cpu: '2', memory: '1Gi' } },
};
const range = (item: LimitRangeItem, name = 'team') => ({
  metadata: { name },
  spec: { limits: [{ type: 'Container', ...item }] },
});
const quota = (spec: ResourceQuota['spec'] & object) => ({ metadata: { name: 'team' }, spec });
const within = (item: LimitRangeItem) =>
  fitted(RESOURCES, { limitRanges: [range(item)], resourceQuotas: [] }, IN);
const under = (spec: ResourceQuota['spec'] & object, item: LimitRangeItem = {}) =>
  fitted(RESOURCES, { limitRanges: [range(item)], resourceQuotas: [quota(spec)] }, IN);

describe('a LimitRange', () => {
  test.each<[string, LimitRangeItem, object]>([
    ['with nothing', {}, RESOURCES],
    ['of pods', { type: 'Pod', max: { memory: '1Mi' } }, RESOURCES],
    ['of claims', { type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }, RESOURCES],
    ['with defaults that the plugin fills in', { default: { cpu: '2' } }, RESOURCES],
    [
      'that asks for more of one request',
      { min: { cpu: '80m' } },
      { requests: { cpu: '80m', memory: '96Mi' }, limits: RESOURCES.limits },
    ],
    [
      'that asks for more than the limit',
      { min: { memory: '300Mi' } },
      {
        requests: { cpu: '50m', memory: `${300 * 2 ** 20}` },
        limits: { memory: `${300 * 2 ** 20}` },
      },
    ],
    [
      'whose default is less than the request',
      { default: { cpu: '10m' } },
      { requests: RESOURCES.requests, limits: { memory: '256Mi', cpu: '50m' } },
    ],
    [
      'whose default is less than its own minimum',
      { default: { cpu: '60m' }, min: { cpu: '70m' } },
      { requests: { cpu: '70m', memory: '96Mi' }, limits: { memory: '256Mi', cpu: '70m' } },
    ],
    [
      'with a ratio',
      { maxLimitRequestRatio: { memory: '2' } },
      { requests: { cpu: '50m', memory: `${128 * 2 ** 20}` }, limits: RESOURCES.limits },
    ],
    [
      'with a ratio of what is its default',
      { default: { cpu: '1' }, maxLimitRequestRatio: { cpu: '3' } },
      { requests: { cpu: '334m', memory: '96Mi' }, limits: RESOURCES.limits },
    ],
    [
      'about a resource that the sidecar does not name',
      { min: { 'ephemeral-storage': '1Mi' }, default: { 'ephemeral-storage': '2Mi' } },
      RESOURCES,
    ],
  ])('%s', (_what, item, resources) => {
    expect(within(item)).toEqual({ resources });
  });

  test.each<[string, LimitRangeItem, string]>([
    [
      'that allows a smaller limit',
      { max: { memory: '200Mi' } },
      'have limits.memory: 256Mi, and the LimitRange team of the namespace allows a container 200Mi at most. Ask an administrator to raise it, or to give the sidecars of the namespace less: kubectl annotate namespace soc --overwrite actiongrant.dev/sidecar-resources=\'{"limits":{"memory":"200Mi"}}\'',
    ],
    ['that allows a smaller request', { max: { cpu: '20m' } }, 'requests.cpu: 50m'],
    [
      'that asks for more than the release gives',
      { min: { memory: '2Gi' } },
      'more than sidecar.namespaceResources.max of the chart allows',
    ],
  ])('%s is named', (_what, item, words) => {
    expect(within(item)).toMatchObject({
      faults: expect.arrayContaining([
        {
          field: 'spec.initContainers: the resources of actiongrant-init and actiongrant',
          reason: expect.stringContaining(words),
        },
      ]),
    });
  });

  test('of several, each counts, and the first default', () => {
    const limitRanges = [
      range({ min: { cpu: '60m' }, default: { cpu: '1' } }, 'a'),
      range({ min: { cpu: '70m' }, default: { cpu: '10m' } }, 'b'),
    ];
    expect(fitted(RESOURCES, { limitRanges, resourceQuotas: [] }, IN)).toEqual({
      resources: { requests: { cpu: '70m', memory: '96Mi' }, limits: RESOURCES.limits },
    });
  });
});

describe('a ResourceQuota', () => {
  test.each<[string, ResourceQuota['spec'] & object, LimitRangeItem]>([
    ['of what the sidecar names', { hard: { 'limits.memory': '1Gi', cpu: '1', memory: '1' } }, {}],
    [
      'of other things',
      { hard: { pods: '3', 'requests.storage': '1Gi', 'count/secrets': '1' } },
      {},
    ],
    ['of some pods only', { hard: { 'limits.cpu': '1' }, scopes: ['Terminating'] }, {}],
    ['of one priority class', { hard: { 'limits.cpu': '1' }, scopeSelector: {} }, {}],
    ['whose resource has a default', { hard: { 'limits.cpu': '1' } }, { default: { cpu: '1' } }],
    [
      'whose request is the limit by default',
      { hard: { 'requests.ephemeral-storage': '1Gi' } },
      { default: { 'ephemeral-storage': '1Mi' } },
    ],
  ])('%s is no hindrance', (_what, spec, item) => {
    expect(under(spec, item)).toEqual({ resources: RESOURCES });
  });

  test.each([
    ['limits.cpu', 'have no limits.cpu, and the ResourceQuota team'],
    ['requests.ephemeral-storage', 'have no requests.ephemeral-storage'],
    ['limits.ephemeral-storage', '{"limits":{"ephemeral-storage":"64Mi"}}'],
    ['ephemeral-storage', 'have no requests.ephemeral-storage'],
  ])('of %s is named', (hard, words) => {
    expect(under({ hard: { [hard]: '1' } })).toMatchObject({
      faults: [{ reason: expect.stringContaining(words) }],
    });
  });
});
