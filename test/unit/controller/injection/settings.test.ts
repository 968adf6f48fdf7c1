/** What the controller publishes is what the sidecar's own reader takes: the two are released together, and must agree. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { sidecarContainer } from '../../../../controller/injection/injected-containers.ts';
import { type SettingsFacts, settingsData } from '../../../../controller/injection/settings.ts';
import { SIDECAR_PATHS } from '../../../../core/api/pod-layout.ts';
import { readSidecarConfig } from '../../../../sidecar/config.ts';
import { createAuthority } from '../../../support/pki.ts';

let facts: SettingsFacts;
const directories: string[] = [];

beforeAll(async () => {
  const authority = async (name: string) => (await createAuthority(name)).certificate;
  facts = {
    sidecar: { inertHeaders: [], privateDestinations: [], logLevel: 'info' },
    controllerURL: 'https://actiongrant-controller.actiongrant-system.svc',
    controllerCA: await authority('controller'),
    kubernetesServer: '10.96.0.1:443',
    apiServerHosts: [],
    kubernetesCA: await authority('kubernetes'),
  };
});

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** As the kubelet mounts it in the sidecar's container, whose environment has nothing else. */
function readInPod(data: Record<string, string>) {
  const directory = mkdtempSync(join(tmpdir(), 'actiongrant-settings-'));
  directories.push(directory);
  const mounted = (text: string): string =>
    text.replaceAll(SIDECAR_PATHS.settings, directory).replaceAll(SIDECAR_PATHS.token, directory);
  writeFileSync(join(directory, 'token'), 'aaa.bbb.ccc\n');
  for (const [name, text] of Object.entries(data))
    writeFileSync(join(directory, name), mounted(text));
  const fields: Record<string, string> = {
    ACTIONGRANT_POD_NAMESPACE: 'soc',
    ACTIONGRANT_POD_NAME: 'incident-agent-0',
    ACTIONGRANT_SERVICE_ACCOUNT: 'incident-agent',
  };
  const environment = (sidecarContainer().env ?? []).map(({ name, value }) => [
    name,
    mounted(value ?? fields[name] ?? ''),
  ]);
  return { config: readSidecarConfig(Object.fromEntries(environment)), directory };
}

test('the sidecar takes what is published, and finds every part of it', () => {
  const { config, directory } = readInPod(settingsData(facts));
  expect(config).toMatchObject({
    listen: { host: '127.0.0.1', port: 15001 },
    operationsListen: { host: '::', port: 15020 },
    controllerURLs: [facts.controllerURL],
    controllerCAFile: join(directory, 'controller-ca.crt'),
    tokenFile: join(directory, 'token'),
    agent: { namespace: 'soc', serviceAccountName: 'incident-agent' },
    podName: 'incident-agent-0',
    kubernetes: { server: '10.96.0.1:443', ca: facts.kubernetesCA },
    trustBundle: undefined,
    inertHeaders: [],
    privateDestinations: [],
    caOutputFile: undefined,
    transparent: {
      listen: [
        { host: '127.0.0.1', port: 15006 },
        { host: '::1', port: 15006 },
      ],
      dnsListen: [
        { host: '127.0.0.1', port: 15053 },
        { host: '::1', port: 15053 },
      ],
      stateDirectory: '/run/actiongrant/state',
      agentDirectory: '/run/actiongrant/agent',
    },
    logLevel: 'info',
  });
});

test("the operator's choices arrive", () => {
  const trustBundle = facts.kubernetesCA;
  const { config } = readInPod(
    settingsData({
      ...facts,
      sidecar: {
        inertHeaders: ['x-team', 'x-run'],
        privateDestinations: ['git.corp.example.com', '10.20.0.0/16'],
        logLevel: 'debug',
      },
      kubernetesServer: '[fd00::1]:6443',
      trustBundle,
    }),
  );
  expect(config).toMatchObject({
    inertHeaders: ['x-team', 'x-run'],
    privateDestinations: [{ kind: 'Host' }, { kind: 'Network' }],
    logLevel: 'debug',
    trustBundle,
    kubernetes: { server: '[fd00::1]:6443' },
  });
});

test('further names and addresses of the API server are described as Kubernetes, on both its ports', () => {
  const { config } = readInPod(
    settingsData({
      ...facts,
      kubernetesServer: '10.96.0.1:6443',
      apiServerHosts: ['api.cluster.example', '203.0.113.10', 'fd00::10'],
    }),
  );
  expect(config.kubernetes.authorities).toEqual(
    expect.arrayContaining([
      'api.cluster.example:443',
      'api.cluster.example:6443',
      '203.0.113.10:443',
      '203.0.113.10:6443',
      '[fd00::10]:443',
      '[fd00::10]:6443',
    ]),
  );
});
