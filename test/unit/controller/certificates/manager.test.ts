import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  controllerNames,
  createCertificateManager,
} from '../../../../controller/certificates/manager.ts';
import type { Logger } from '../../../../process/log.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { StubApiServer } from '../../../support/stub-api-server.ts';
import {
  aWebhookConfiguration,
  CONFIG_MAP,
  NAMESPACE,
  StoredObjects,
  VALIDATING,
} from './stored-objects.ts';

let stub: StubApiServer;
let objects: StoredObjects;
let clock: FakeClock;
let warnings: string[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  objects = new StoredObjects(stub);
  clock = new FakeClock();
  warnings = [];
});
afterEach(() => stub[Symbol.asyncDispose]());

const log: Logger = {
  debug() {},
  info() {},
  warn: (message) => warnings.push(message),
  error() {},
};

const aManager = async () =>
  createCertificateManager({
    client: await stub.client(),
    namespace: NAMESPACE,
    names: controllerNames(NAMESPACE),
    clock,
    // In the middle: rounds come exactly when they are due.
    random: () => 0.5,
    log,
  });
const untilPublished = () =>
  eventually(() => expect(objects.published()[0]).toContain('BEGIN CERTIFICATE'));

test('the API server calls the controller by the first of its names', () => {
  expect(controllerNames('ag')).toEqual([
    'actiongrant-controller.ag.svc',
    'actiongrant-controller.ag',
    'actiongrant-controller.ag.svc.cluster.local',
  ]);
});

test('one sync gives a certificate, its bundle, and their ends', async () => {
  const manager = await aManager();
  expect(manager.isReady()).toBe(false);
  expect(() => manager.bundle()).toThrow('NotReady');
  await manager.sync();
  expect(manager.isReady()).toBe(true);
  expect(manager.serving().pem).toContain('BEGIN CERTIFICATE');
  expect(objects.published()[0]).toBe(manager.bundle());
  expect(manager.expirations().map(({ name }) => name)).toEqual(['authority', 'serving']);
});

test.for<[what: string, missing: boolean, milliseconds: number]>([
  ['every minute', false, 60_000],
  ['after 5 s while a webhook configuration is missing', true, 5_000],
])('what is published is checked again %s', async ([_, missing, milliseconds]) => {
  if (missing) objects.delete(VALIDATING);
  const manager = await aManager();
  await manager.sync();
  manager.start();
  // The first round in the background comes soon in any case.
  await clock.advance(5_000);
  await eventually(() => expect(clock.pending).toBe(1));
  objects.put(CONFIG_MAP, { data: { 'ca.crt': 'removed' } });
  await clock.advance(milliseconds - 1);
  expect(objects.published()[0]).toBe('removed');
  await clock.advance(1);
  await untilPublished();
  await manager.stop();
});

test('a round that fails is logged and tried again after 5 s', async () => {
  const manager = await aManager();
  const { handler } = stub;
  stub.handler = ({ socket }) => socket.destroy();
  await expect(manager.sync()).rejects.toMatchObject({ kind: 'Unavailable' });
  manager.start();
  await clock.advance(5_000);
  await eventually(() =>
    expect(warnings).toEqual(['the certificates could not be brought up to date']),
  );
  stub.handler = handler;
  objects.put(VALIDATING, aWebhookConfiguration(1));
  await clock.advance(5_000);
  await untilPublished();
  await manager.stop();
});
