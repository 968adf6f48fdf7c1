/** The sidecars' settings in agent namespaces, on a real API server: who else writes there, and what becomes of it. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createSettingsPublisher,
  type SettingsPublisher,
} from '../../controller/injection/publish-settings.ts';
import { SIDECAR_CONFIG_MAP } from '../../core/api/pod-layout.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { shareControlPlane } from '../support/shared.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  immutable?: boolean;
}

const SYNC_MILLISECONDS = 40_000;
const plane = await shareControlPlane();
const warnings: unknown[] = [];
const log: Logger = {
  debug() {},
  info() {},
  warn: (message, fields) => void warnings.push({ message, ...fields }),
  error() {},
};

let client: KubernetesClient;
let namespace: string;
let clock: FakeClock;
let desired: Record<string, string> | Promise<Record<string, string>>;
const publishers: SettingsPublisher[] = [];

beforeAll(async () => {
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: plane.adminKubeconfig },
    userAgent: 'actiongrant-test',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
});
afterAll(async () => {
  await client.close();
  await plane.disconnect();
});
beforeEach(async () => {
  namespace = await plane.createNamespace('settings');
  clock = new FakeClock();
  desired = { 'settings.json': '{}', 'controller-ca.crt': 'one' };
  warnings.length = 0;
});
afterEach(async () => {
  await Promise.all(publishers.splice(0).map((publisher) => publisher.stop()));
});

function start(agentNamespaces: readonly string[] = [namespace]): SettingsPublisher {
  const publisher = createSettingsPublisher({
    client,
    agentNamespaces,
    desired: async () => desired,
    clock,
    random: () => 0.5,
    log,
  });
  publishers.push(publisher);
  publisher.start();
  return publisher;
}

const path = (): string => `/api/v1/namespaces/${namespace}/configmaps`;
const read = (): Promise<ConfigMap> =>
  plane.api<ConfigMap>('GET', `${path()}/${SIDECAR_CONFIG_MAP}`);

async function published(publisher: SettingsPublisher): Promise<ConfigMap> {
  await eventually(async () => expect(publisher.isPublished(namespace)).toBe(true));
  return read();
}

/** Lets the only publisher look again. */
async function lookAgain(): Promise<void> {
  const idle = () => eventually(async () => expect(clock.pending).toBe(1));
  await idle();
  await clock.advance(SYNC_MILLISECONDS);
  await idle();
}

/** Settings as they must be, after the next look at them. */
async function expectRestored(): Promise<void> {
  await lookAgain();
  await eventually(async () => {
    const { data, immutable, ...rest } = await read();
    expect({ data, immutable }).toEqual({ data: desired, immutable: undefined });
    expect(rest).not.toHaveProperty('binaryData');
  });
}

test('are written at once, and count as published only then', async () => {
  const publisher = start();
  expect(publisher.isPublished(namespace)).toBe(false);
  expect((await published(publisher)).data).toEqual(desired);
  expect(publisher.isPublished('elsewhere')).toBe(false);
});

test('are left alone while nothing has changed', async () => {
  const before = await published(start());
  for (let times = 0; times < 3; times++) await lookAgain();
  expect((await read()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
});

test('follow what they are made of: a rotated CA', async () => {
  await published(start());
  desired = { 'settings.json': '{}', 'controller-ca.crt': 'one and two' };
  await expectRestored();
});

describe('that somebody else', () => {
  const patch = (body: object) =>
    plane.api('PATCH', `${path()}/${SIDECAR_CONFIG_MAP}`, body, {
      contentType: 'application/merge-patch+json',
    });

  test.each<[what: string, tamper: () => Promise<unknown>]>([
    ['changed', () => patch({ data: { 'controller-ca.crt': 'evil' } })],
    ['added to', () => patch({ data: { 'trust.crt': 'evil' } })],
    ['took from', () => patch({ data: { 'settings.json': null } })],
    ['hid bytes in', () => patch({ binaryData: { 'trust.crt': 'ZXZpbA==' } })],
    ['made immutable', () => patch({ immutable: true })],
    ['made immutable with his own', () => patch({ immutable: true, data: { x: 'evil' } })],
    ['deleted', () => plane.api('DELETE', `${path()}/${SIDECAR_CONFIG_MAP}`)],
  ])('%s are as they must be again', async (_what, tamper) => {
    await published(start());
    await tamper();
    await expectRestored();
  });

  test('made before us are taken over, and nothing of them stays', async () => {
    await plane.api('POST', path(), {
      metadata: { name: SIDECAR_CONFIG_MAP },
      data: { 'trust.crt': 'evil' },
    });
    expect((await published(start())).data).toEqual(desired);
  });
});

test('of several replicas that start together are written once', async () => {
  const replicas = Array.from({ length: 4 }, () => start());
  for (const replica of replicas) await published(replica);
  expect((await read()).data).toEqual(desired);
  expect(warnings).toEqual([]);
});

test('of a namespace that is not there do not hold up the others', async () => {
  const missing = `${namespace}-2`;
  const publisher = start([missing, namespace]);
  await published(publisher);
  expect(publisher.isPublished(missing)).toBe(false);
  await eventually(async () => expect(warnings).toMatchObject([{ namespace: missing }]));
  // And they come as soon as it is.
  await plane.api('POST', '/api/v1/namespaces', { metadata: { name: missing } });
  await eventually(async () => {
    await clock.advance(5_000);
    expect(publisher.isPublished(missing)).toBe(true);
  });
});

test('that nobody has looked at for minutes count as unknown', async () => {
  const publisher = start();
  await published(publisher);
  desired = Promise.reject(new Error('a part of them cannot be read'));
  desired.catch(() => {});
  await eventually(async () => expect(clock.pending).toBe(1));
  await clock.advance(4 * 60_000);
  expect(publisher.isPublished(namespace)).toBe(true);
  await clock.advance(61_000);
  expect(publisher.isPublished(namespace)).toBe(false);
});

test('are written to the end by a publisher that is stopped meanwhile: its client is closed next', async () => {
  const gate = Promise.withResolvers<Record<string, string>>();
  desired = gate.promise;
  const publisher = start();
  let stopped = false;
  const stop = publisher.stop().then(() => {
    stopped = true;
  });
  await clock.advance(SYNC_MILLISECONDS);
  expect(stopped).toBe(false);
  gate.resolve({ 'settings.json': '{}' });
  await stop;
  expect((await read()).data).toEqual({ 'settings.json': '{}' });
  expect({ pending: clock.pending, warnings }).toEqual({ pending: 0, warnings: [] });
});
