/** As in a pod: what the controller knows of the API server is what sidecars are told. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SidecarSettings } from '../../../../controller/injection/sidecar-settings.ts';
import { createInjection, type InjectionParts } from '../../../../controller/wiring/injection.ts';
import type { Logger } from '../../../../process/log.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { createAuthority } from '../../../support/pki.ts';
import { SIDECAR_IMAGE } from '../../../support/pods.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const NEXT_LOOK_MILLISECONDS = 40_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let stub: StubApiServer;
let clock: FakeClock;
let directory: string;
/** Of all replicas, and what this one holds of it. */
let controllerCA: string;
let held: string;
/** The ConfigMap as the stub has it. */
let stored: { metadata: object; data: Record<string, string> } | undefined;
let parts: InjectionParts | undefined;

beforeEach(async () => {
  clock = new FakeClock();
  directory = mkdtempSync(join(tmpdir(), 'actiongrant-wiring-'));
  controllerCA = (await createAuthority('controller')).certificate;
  held = controllerCA;
  stored = undefined;
  parts = undefined;
  stub = await StubApiServer.start();
  stub.handler = ({ method, body }, response) => {
    if (method === 'GET' && stored === undefined)
      return answer(response, 404, status(404, 'NotFound'));
    if (method !== 'GET') stored = withIdentity(JSON.parse(body));
    return answer(response, method === 'POST' ? 201 : 200, stored);
  };
});
afterEach(async () => {
  parts?.publisher.stop();
  await stub[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function withIdentity(object: { metadata: object; data: Record<string, string> }) {
  return { ...object, metadata: { ...object.metadata, uid: 'u', resourceVersion: '1' } };
}

/** With the stub's own files as the pod's, and an address that sidecars would be told. */
async function injection(host: string, settings: Partial<SidecarSettings> = {}) {
  return createInjection({
    client: await stub.client(),
    clock,
    log: silent,
    config: {
      apiServerHosts: [],
      agentNamespaces: ['soc'],
      namespace: 'actiongrant-system',
      releaseName: 'actiongrant',
      kubernetes: { type: 'InCluster', host, port: 443, directory: stub.directory },
    },
    sidecar: {
      ...SIDECAR_IMAGE,
      resourceBounds: { min: {}, max: {} },
      inertHeaders: [],
      privateDestinations: [],
      trustBundleFile: undefined,
      logLevel: 'info',
      ...settings,
    },
    namespaces: { annotationsOf: () => undefined, labelsOf: () => undefined },
    certificates: {
      async sync() {
        held = controllerCA;
      },
      bundle: () => held,
    },
  });
}

const settingsStored = () => JSON.parse(stored?.data['settings.json'] ?? '{}');

async function lookAgain(): Promise<void> {
  await eventually(async () => expect(clock.pending).toBe(1));
  await clock.advance(NEXT_LOOK_MILLISECONDS);
  await eventually(async () => expect(clock.pending).toBe(1));
}

test.each([
  ['10.96.0.1', '10.96.0.1:443'],
  ['fd00::1', '[fd00::1]:443'],
])('the API server at %s is %s to sidecars', async (host, server) => {
  parts = await injection(host);
  parts.publisher.start();
  await eventually(async () => expect(parts?.webhook.settingsPublished('soc')).toBe(true));
  expect(settingsStored()).toMatchObject({
    ACTIONGRANT_CONTROLLER_URLS: 'https://actiongrant-controller.actiongrant-system.svc',
    ACTIONGRANT_KUBERNETES_SERVER: server,
  });
});

test('an API server that has a name only is complained about at start', async () => {
  await expect(injection('api.cluster.example')).rejects.toMatchObject({
    code: 'ConfigurationInvalid',
    detail: expect.stringContaining('not as api.cluster.example'),
  });
});

test('authorities that are rotated, and another trust bundle, are published by the next look', async () => {
  const trustBundleFile = join(directory, 'trust.crt');
  writeFileSync(trustBundleFile, (await createAuthority('corp')).certificate);
  parts = await injection('10.96.0.1', { trustBundleFile });
  parts.publisher.start();
  await lookAgain();
  expect(stored?.data['controller-ca.crt']).toBe(controllerCA);

  controllerCA += (await createAuthority('controller next')).certificate;
  const kubernetesCA = (await createAuthority('kubernetes next')).certificate;
  const trust = (await createAuthority('corp next')).certificate;
  stub.writeCa(kubernetesCA);
  writeFileSync(trustBundleFile, trust);
  await lookAgain();
  expect(stored?.data).toMatchObject({
    'controller-ca.crt': controllerCA,
    'kubernetes-ca.crt': kubernetesCA,
    'trust.crt': trust,
  });
});

test('what another replica has published is never replaced by what this one held before', async () => {
  parts = await injection('10.96.0.1');
  controllerCA += (await createAuthority('controller next')).certificate;
  parts.publisher.start();
  await lookAgain();
  expect(stored?.data['controller-ca.crt']).toBe(controllerCA);
});

test('what holds no certificates is never published', async () => {
  const trustBundleFile = join(directory, 'trust.crt');
  const trust = (await createAuthority('corp')).certificate;
  writeFileSync(trustBundleFile, trust);
  parts = await injection('10.96.0.1', { trustBundleFile });
  parts.publisher.start();
  await lookAgain();
  writeFileSync(trustBundleFile, trust.slice(0, 40));
  await lookAgain();
  expect(stored?.data['trust.crt']).toBe(trust);
});
