import { afterEach, beforeEach, expect, test } from 'vitest';
import { converge } from '../../../../controller/certificates/converge.ts';
import type { KubernetesClient } from '../../../../core/kubernetes/client.ts';
import { systemClock } from '../../../../core/time/clock.ts';
import type { Logger } from '../../../../process/log.ts';
import { StubApiServer } from '../../../support/stub-api-server.ts';
import {
  aWebhookConfiguration,
  CONFIG_MAP,
  MUTATING,
  NAMESPACE,
  SECRET,
  StoredObjects,
  VALIDATING,
} from './stored-objects.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const DAY = 86_400_000;

let stub: StubApiServer;
let objects: StoredObjects;
let client: KubernetesClient;
beforeEach(async () => {
  stub = await StubApiServer.start();
  objects = new StoredObjects(stub);
  client = await stub.client();
});
afterEach(() => stub[Symbol.asyncDispose]());

const convergeOn = (daysLater = 0) =>
  converge({
    client,
    namespace: NAMESPACE,
    clock: { ...systemClock, now: () => Date.now() + daysLater * DAY },
    log: silent,
  });

test('the first replica makes an authority and publishes it before anything is signed', async () => {
  const { active, bundle, complete } = await convergeOn();
  expect(bundle).toBe(active.pem);
  expect(objects.published()).toEqual([bundle, bundle, bundle, bundle]);
  expect(complete).toBe(true);
});

test('replicas that race come to share one authority', async () => {
  const all = await Promise.all([convergeOn(), convergeOn(), convergeOn()]);
  expect(new Set(all.map(({ active }) => active.pem)).size).toBe(1);
});

test('nothing is written where everything is as it should be', async () => {
  await convergeOn();
  const before = objects.writes.length;
  await convergeOn(100);
  expect(objects.writes).toHaveLength(before);
});

test('a successor is trusted long before it signs', async () => {
  const first = await convergeOn();
  const added = await convergeOn(246);
  expect(added.active.pem).toBe(first.active.pem);
  expect(added.bundle.startsWith(first.bundle)).toBe(true);
  const promoted = await convergeOn(307);
  expect(promoted.active.pem).not.toBe(first.active.pem);
  expect(promoted.bundle).toContain(first.active.pem);
});

test('a configuration that is not there yet leaves the work incomplete', async () => {
  objects.delete(VALIDATING);
  expect((await convergeOn()).complete).toBe(false);
  objects.put(VALIDATING, aWebhookConfiguration(1));
  expect((await convergeOn()).complete).toBe(true);
});

test('an authority that is published meanwhile is never overwritten by an older bundle', async () => {
  await convergeOn();
  objects.put(CONFIG_MAP, { data: { 'ca.crt': 'removed by somebody' } });
  let raced = false;
  objects.before = ({ method, path }) => {
    if (raced || method !== 'PUT' || path !== CONFIG_MAP) return;
    raced = true;
    objects.put(CONFIG_MAP, { data: { 'ca.crt': 'newer' } });
  };
  const { bundle } = await convergeOn();
  expect(raced).toBe(true);
  expect(objects.published()[0]).toBe(bundle);
});

test('somebody who changes the authority all the time is an error that says so', async () => {
  objects.before = ({ method }) => {
    if (method === 'POST') objects.put(SECRET, {});
    else objects.delete(SECRET);
  };
  await expect(convergeOn()).rejects.toMatchObject({
    code: 'KubernetesUnavailable',
    detail: expect.stringContaining('keeps being changed by somebody else'),
  });
  expect(objects.get(MUTATING)?.webhooks?.[0]?.clientConfig).toEqual({});
});
