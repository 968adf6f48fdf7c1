/** Bounds and defaults that the chart's values and the controller's settings both have are the same. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readControllerConfig } from '../../../controller/config.ts';

const CHART = new URL('../../../charts/actiongrant/', import.meta.url);
const schema = JSON.parse(readFileSync(new URL('values.schema.json', CHART), 'utf8'));
const values = parse(readFileSync(new URL('values.yaml', CHART), 'utf8'));

const REQUIRED = {
  ACTIONGRANT_NAMESPACE: 'actiongrant-system',
  ACTIONGRANT_POD_NAME: 'controller-0',
  ACTIONGRANT_SIDECAR_IMAGE: values.controller.image,
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
};
const read = (environment: Record<string, string> = {}) =>
  readControllerConfig({ ...REQUIRED, ...environment });

function schemaOf(path: string): { minimum: number; maximum: number; enum: string[] } {
  return path.split('.').reduce((node, name) => node.properties[name], schema);
}

describe('a number is bounded alike', () => {
  test.for([
    ['controller.podRatePerSecond', 'ACTIONGRANT_POD_RATE_PER_SECOND'],
    ['limits.maxPendingPerAgent', 'ACTIONGRANT_MAX_PENDING_PER_AGENT'],
    ['limits.maxFinishedPerNamespace', 'ACTIONGRANT_MAX_FINISHED_PER_NAMESPACE'],
  ] as const)('%s', ([value, variable]) => {
    const { minimum, maximum } = schemaOf(value);
    for (const good of [minimum, maximum]) {
      expect(() => read({ [variable]: `${good}` })).not.toThrow();
    }
    for (const bad of [minimum - 1, maximum + 1]) {
      expect(() => read({ [variable]: `${bad}` })).toThrow(variable);
    }
  });
});

describe('the same words are known', () => {
  test.for([
    ['controller.logLevel', 'ACTIONGRANT_LOG_LEVEL'],
    ['sidecar.logLevel', 'ACTIONGRANT_SIDECAR_LOG_LEVEL'],
    ['controller.imagePullPolicy', 'ACTIONGRANT_SIDECAR_IMAGE_PULL_POLICY'],
  ] as const)('%s', ([value, variable]) => {
    for (const word of schemaOf(value).enum) {
      expect(() => read({ [variable]: word })).not.toThrow();
    }
    expect(() => read({ [variable]: 'other' })).toThrow(
      new RegExp(`${variable}.*${schemaOf(value).enum.join('.*')}`),
    );
  });
});

test('what is left out is the same with the chart and without it', () => {
  expect(read()).toMatchObject({
    listen: { port: values.webhook.port },
    podRatePerSecond: values.controller.podRatePerSecond,
    maxPendingPerAgent: values.limits.maxPendingPerAgent,
    maxFinishedPerNamespace: values.limits.maxFinishedPerNamespace,
    logLevel: values.controller.logLevel,
    injectionSelector: values.injection.namespaceSelector,
    sidecar: {
      imagePullPolicy: values.controller.imagePullPolicy,
      imagePullSecrets: values.sidecar.imagePullSecrets,
      inertHeaders: values.sidecar.inertHeaders,
      privateDestinations: values.sidecar.privateDestinations,
      logLevel: values.sidecar.logLevel,
      resources: values.sidecar.resources,
    },
  });
});
