import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readControllerConfig } from '../../../controller/config.ts';
import { ProblemError } from '../../../core/api/problem.ts';
import type { Environment } from '../../../process/config.ts';
import { createAuthority } from '../../support/pki.ts';

const minimum: Environment = {
  ACTIONGRANT_NAMESPACE: 'actiongrant-system',
  ACTIONGRANT_POD_NAME: 'controller-0',
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
};
const image = { ACTIONGRANT_SIDECAR_IMAGE: 'registry.example/actiongrant:1' };

const directory = mkdtempSync(join(tmpdir(), 'actiongrant-config-'));
const trust = join(directory, 'trust.crt');
const empty = join(directory, 'empty.crt');
beforeAll(async () => {
  writeFileSync(trust, (await createAuthority('corp')).certificate);
  writeFileSync(empty, 'hunter2');
});
afterAll(() => rmSync(directory, { recursive: true }));

const read = (environment: Environment) => readControllerConfig({ ...minimum, ...environment });

function complaint(environment: Environment): string {
  try {
    read(environment);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'ConfigurationInvalid') return error.detail;
    throw error;
  }
  return '';
}

test('without an image nothing is injected, but labelled namespaces are known', () => {
  const config = read({});
  expect(config).not.toHaveProperty('sidecar');
  expect(config.injectionSelector).toEqual({
    matchLabels: { 'actiongrant.dev/inject': 'enabled' },
  });
});

test('with an image, and nothing else, the rest has its defaults', () => {
  expect(read(image).sidecar).toEqual({
    image: 'registry.example/actiongrant:1',
    imagePullPolicy: 'IfNotPresent',
    imagePullSecrets: [],
    resourceBounds: {
      min: { cpu: '50m', memory: '128Mi' },
      max: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi' },
    },
    resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
    inertHeaders: [],
    privateDestinations: [],
    trustBundleFile: undefined,
    logLevel: 'info',
  });
});

test("the operator's choices are taken", () => {
  const selector = { matchExpressions: [{ key: 'team', operator: 'Exists' }] };
  const config = read({
    ...image,
    ACTIONGRANT_INJECTION_SELECTOR: JSON.stringify(selector),
    ACTIONGRANT_SIDECAR_IMAGE_PULL_POLICY: 'Never',
    ACTIONGRANT_SIDECAR_IMAGE_PULL_SECRETS: 'registry, mirror',
    ACTIONGRANT_SIDECAR_RESOURCES: '{"limits":{"memory":"1Gi"}}',
    ACTIONGRANT_SIDECAR_INERT_HEADERS: 'x-team, x-run',
    ACTIONGRANT_SIDECAR_PRIVATE_DESTINATIONS: '*.corp.example.com, 10.20.0.0/16',
    ACTIONGRANT_SIDECAR_TRUST_BUNDLE: trust,
    ACTIONGRANT_SIDECAR_LOG_LEVEL: 'debug',
  });
  expect(config.injectionSelector).toEqual(selector);
  expect(config.sidecar).toMatchObject({
    imagePullPolicy: 'Never',
    imagePullSecrets: ['registry', 'mirror'],
    resources: { limits: { memory: '1Gi' } },
    inertHeaders: ['x-team', 'x-run'],
    privateDestinations: ['*.corp.example.com', '10.20.0.0/16'],
    trustBundleFile: trust,
    logLevel: 'debug',
  });
});

describe('complained about, by name, with or without an image', () => {
  test.for<[name: string, value: string, reason: RegExp]>([
    ['ACTIONGRANT_SIDECAR_IMAGE_PULL_POLICY', 'always', /must be one of Always, IfNotPresent/],
    ['ACTIONGRANT_SIDECAR_RESOURCES', '{', /must be an object of limits and requests/],
    ['ACTIONGRANT_SIDECAR_RESOURCES', '{"limits":{"cpu":1}}', /whose values are texts/],
    ['ACTIONGRANT_SIDECAR_RESOURCES', '{"limit":{}}', /must be an object of limits and requests/],
    ['ACTIONGRANT_SIDECAR_RESOURCE_BOUNDS', '{"min":{}}', /must be an object of min and max/],
    [
      'ACTIONGRANT_SIDECAR_RESOURCE_BOUNDS',
      '{"min":{},"max":{"cpu":"lots"}}',
      /whose values are quantities/,
    ],
    ['ACTIONGRANT_SIDECAR_INERT_HEADERS', 'X-Team', /must be lower case/],
    ['ACTIONGRANT_SIDECAR_PRIVATE_DESTINATIONS', 'Git.corp', /must be a host in lower case/],
    ['ACTIONGRANT_SIDECAR_PRIVATE_DESTINATIONS', '10.0.0.1/8', /bits behind its prefix/],
    ['ACTIONGRANT_SIDECAR_TRUST_BUNDLE', empty, /does not hold certificates in PEM$/],
    ['ACTIONGRANT_SIDECAR_TRUST_BUNDLE', join(directory, 'none'), /cannot be read/],
    ['ACTIONGRANT_SIDECAR_LOG_LEVEL', 'loud', /must be one of debug/],
    ['ACTIONGRANT_INJECTION_SELECTOR', 'team=soc', /must be a label selector in JSON/],
    ['ACTIONGRANT_INJECTION_SELECTOR', '{"team":"soc"}', /must be a label selector in JSON/],
  ])('%s=%s', ([name, value, reason]) => {
    for (const also of [{}, image]) {
      const detail = complaint({ ...also, [name]: value });
      expect(detail).toMatch(reason);
      expect(detail.startsWith(`${name} `)).toBe(true);
      expect(detail).not.toContain('hunter2');
    }
  });
});

describe('hosts of the API server', () => {
  const hosts = (text: string) => ({ ACTIONGRANT_API_SERVER_HOSTS: text });

  test('are names and addresses as they are compared', () => {
    const all = ['10.96.0.1', 'api.cluster.example', 'localhost', '2001:db8::1'];
    expect(read(hosts(all.join(','))).apiServerHosts).toEqual(all);
  });

  test.for([
    'API.Example',
    'api.example:6443',
    'https://api.example',
    'api.example.',
    'api.example/',
    '10.96.0.1:443',
    '010.96.0.1',
    '2001:DB8::1',
    '2001:db8:0::1',
    '[2001:db8::1]',
    '[2001:db8::1]:6443',
  ])('are refused otherwise: %s', (host) => {
    expect(complaint(hosts(`good.example,${host}`))).toMatch(
      /^ACTIONGRANT_API_SERVER_HOSTS must be names in lower case or addresses .* not "[^"]+"$/,
    );
    expect(complaint(hosts(host))).toContain(`not "${host}"`);
  });
});
