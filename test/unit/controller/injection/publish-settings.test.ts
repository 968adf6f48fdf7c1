import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createSettingsPublisher,
  type SettingsPublisher,
} from '../../../../controller/injection/publish-settings.ts';
import type { Logger } from '../../../../process/log.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const METADATA = { name: 'actiongrant-sidecar', uid: 'u', resourceVersion: '7' };
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let stub: StubApiServer;
let clock: FakeClock;
let publisher: SettingsPublisher;
/** Namespaces whose ConfigMap the API server does not show. */
let broken: Set<string>;
let desired: Record<string, string> | null;

beforeEach(async () => {
  clock = new FakeClock();
  broken = new Set();
  desired = { 'settings.json': '{}' };
  stub = await StubApiServer.start();
  stub.handler = ({ path }, response) =>
    [...broken].some((namespace) => path.includes(`/${namespace}/`))
      ? answer(response, 403, status(403, 'Forbidden'))
      : answer(response, 200, { metadata: METADATA, data: { 'settings.json': '{}' } });
  publisher = createSettingsPublisher({
    client: await stub.client(),
    agentNamespaces: ['soc', 'shop'],
    desired: async () => {
      if (desired === null) throw new Error('a part of them cannot be read');
      return desired;
    },
    clock,
    random: () => 0.5,
    log: silent,
  });
});
afterEach(async () => {
  await publisher.stop();
  await stub[Symbol.asyncDispose]();
});

const untilIdle = () => eventually(async () => expect(clock.pending).toBe(1));
const published = () => ['soc', 'shop', 'other'].filter((name) => publisher.isPublished(name));

test('settings count as published once they were seen as they must be, where agents are', async () => {
  expect(published()).toEqual([]);
  publisher.start();
  await untilIdle();
  expect(published()).toEqual(['soc', 'shop']);
});

test('a namespace that cannot be written does not hold up the others, and is tried again sooner', async () => {
  broken.add('soc');
  publisher.start();
  await untilIdle();
  expect(published()).toEqual(['shop']);
  broken.clear();
  await clock.advance(2_000);
  await untilIdle();
  expect(published()).toEqual(['soc', 'shop']);
});

test('failures in a row are further and further apart, half a minute at most', async () => {
  broken.add('soc').add('shop');
  publisher.start();
  for (const pause of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    await untilIdle();
    const before = stub.requests.length;
    await clock.advance(pause - 1);
    expect(stub.requests.length).toBe(before);
    await clock.advance(1);
    await eventually(async () => expect(stub.requests.length).toBe(before + 2));
  }
});

test('settings that fail count as published no more, and those that nobody could look at do after minutes', async () => {
  publisher.start();
  await untilIdle();
  broken.add('soc');
  await clock.advance(30_000);
  await untilIdle();
  expect(published()).toEqual(['shop']);
  desired = null;
  await clock.advance(4 * 60_000);
  expect(published()).toEqual(['shop']);
  await clock.advance(2 * 60_000);
  expect(published()).toEqual([]);
});
