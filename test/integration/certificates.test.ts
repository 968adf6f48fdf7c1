/** The shared authority and the bundle, on a real API server, with the controller's own rights. */

import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type CertificateManager,
  controllerNames,
  createCertificateManager,
} from '../../controller/certificates/manager.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { type Clock, systemClock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { type InstalledChart, installChart } from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';

const DAY = 86_400_000;
const KINDS = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let plane: OwnControlPlane;
let chart: InstalledChart;
let client: KubernetesClient;

beforeAll(async () => {
  plane = await startControlPlane();
  chart = await installChart(plane, {}, { webhookURL: 'https://127.0.0.1:9' });
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: chart.controllerKubeconfig },
    userAgent: 'actiongrant-test',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
});
afterAll(async () => {
  await client.close();
  await plane.stop();
});

beforeEach(async () => {
  for (const resource of ['secrets', 'configmaps']) await plane.request('DELETE', path(resource));
});

const path = (resource: string) =>
  `/api/v1/namespaces/${chart.namespace}/${resource}/actiongrant-ca`;
const webhooksPath = (kind: string) => `/apis/admissionregistration.k8s.io/v1/${kind}/actiongrant`;

interface WebhookConfiguration {
  metadata: { resourceVersion: string };
  webhooks: { clientConfig: { caBundle?: string } }[];
}

/** The bundles of every webhook, as text. */
async function caBundles(): Promise<string[]> {
  const configurations = await Promise.all(
    KINDS.map((kind) => plane.api<WebhookConfiguration>('GET', webhooksPath(kind))),
  );
  return configurations
    .flatMap(({ webhooks }) => webhooks)
    .map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString());
}

/** A clock that shows a given time, and moves only when the test moves it. */
function clockAt(now: number): FakeClock {
  const clock = new FakeClock();
  setClock(clock, now);
  return clock;
}

function setClock(clock: FakeClock, now: number): void {
  clock.wallOffset = now - clock.monotonic();
}

function manager(clock: Clock = systemClock) {
  return createCertificateManager({
    client,
    namespace: chart.namespace,
    names: [...controllerNames(chart.namespace), '127.0.0.1'],
    clock,
    random: () => 0.5,
    log: silent,
  });
}

describe('at first start', () => {
  test('replicas that race come to share one authority', async () => {
    const replicas = [manager(), manager(), manager()];
    await Promise.all(replicas.map((replica) => replica.sync()));
    const [bundle] = new Set(replicas.map((replica) => replica.bundle()));
    expect(new Set(replicas.map((replica) => replica.bundle())).size).toBe(1);
    expect(new Set(replicas.map((replica) => replica.serving().pem)).size).toBe(3);
    const configMap = await plane.api<{ data: object; metadata: never }>('GET', path('configmaps'));
    expect(configMap.data).toEqual({ 'ca.crt': bundle });
    expect(await caBundles()).toEqual([bundle, bundle, bundle]);
  });

  test('nothing is ready before, and everything is after', async () => {
    const replica = manager();
    expect(replica.isReady()).toBe(false);
    expect(replica.expirations()).toEqual([]);
    expect(() => replica.serving()).toThrow('NotReady');
    await replica.sync();
    expect(replica.isReady()).toBe(true);
    expect(replica.expirations().map(({ name }) => name)).toEqual(['authority', 'serving']);
  });

  test('a Secret that is not ours is left alone, and the error says what to do', async () => {
    await plane.api('POST', path('secrets').replace(/\/[^/]*$/, ''), {
      metadata: { name: 'actiongrant-ca' },
      data: { 'tls.crt': Buffer.from('theirs').toString('base64') },
    });
    await expect(manager().sync()).rejects.toMatchObject({
      code: 'ConfigurationInvalid',
      detail: expect.stringContaining('delete it'),
    });
    const secret = await plane.api<{ data: object; metadata: never }>('GET', path('secrets'));
    expect(secret.data).toEqual({ 'tls.crt': Buffer.from('theirs').toString('base64') });
  });
});

describe('in the long run', () => {
  test('nothing is written when nothing changed', async () => {
    const replica = manager();
    await replica.sync();
    const versions = async () =>
      Promise.all(
        [path('secrets'), path('configmaps'), ...KINDS.map(webhooksPath)].map(
          async (at) => (await plane.api('GET', at)).metadata.resourceVersion,
        ),
      );
    const before = await versions();
    const serving = replica.serving();
    await replica.sync();
    expect(await versions()).toEqual(before);
    expect(replica.serving()).toBe(serving);
  });

  test('a caBundle that somebody removed comes back', async () => {
    const clock = clockAt(Date.now());
    const replica = manager(clock);
    await replica.sync();
    replica.start();
    const body = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }];
    await plane.api('PATCH', webhooksPath(KINDS[0]), body, {
      contentType: 'application/json-patch+json',
    });
    expect(await caBundles()).toEqual(['', replica.bundle(), replica.bundle()]);
    await clock.advance(60_000);
    await eventually(async () =>
      expect(await caBundles()).toEqual(Array(3).fill(replica.bundle())),
    );
    await eventually(() => expect(clock.pending).toBe(1));
    await replica.stop();
    expect(clock.pending).toBe(0);
  });

  test('a failure is tried again', async () => {
    const clock = clockAt(Date.now());
    const replica = manager(clock);
    await plane.killApiServer();
    replica.start();
    await clock.advance(10_000);
    await eventually(() => expect(clock.pending).toBe(1), { withinMilliseconds: 30_000 });
    expect(replica.isReady()).toBe(false);
    await plane.startApiServer();
    await clock.advance(10_000);
    await eventually(() => expect(replica.isReady()).toBe(true), { withinMilliseconds: 30_000 });
    await replica.stop();
  }, 180_000);

  test('a serving certificate ends when it is not renewed', async () => {
    const clock = clockAt(Date.now());
    const replica = manager(clock);
    await replica.sync();
    setClock(clock, Date.now() + DAY + 1000);
    expect(replica.isReady()).toBe(false);
    await replica.sync();
    expect(replica.isReady()).toBe(true);
  });
});

describe('a change of authorities', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** A server with the replica's certificate, and a way to call it that trusts only `ca`. */
  async function serve(replica: CertificateManager) {
    server = createServer((_req, res) => res.end('ok'));
    replica.attach(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return async (ca: string, agent: Agent | false = false) => {
      const call = request({ host: '127.0.0.1', port, ca, agent }).end();
      const [response] = await once(call, 'response');
      const certificate = (call.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256;
      response.resume();
      await once(response, 'end');
      return { status: response.statusCode, reused: call.reusedSocket, certificate };
    };
  }

  test('is never seen by who reads the bundle once in two months', async () => {
    // The handshakes are real, so the last day of the story is today.
    const start = Date.now() - 306 * DAY;
    const clock = clockAt(start);
    const [leader, follower] = [manager(clock), manager(clock)];
    await leader.sync();
    await follower.sync();
    const first = leader.bundle();

    setClock(clock, start + 246 * DAY);
    await leader.sync();
    const overlap = leader.bundle();
    expect(overlap).toContain(first);
    expect(overlap).not.toBe(first);
    expect(await caBundles()).toEqual([overlap, overlap, overlap]);
    await follower.sync();
    expect(follower.bundle()).toBe(overlap);
    const call = await serve(follower);

    setClock(clock, start + 306 * DAY);
    await leader.sync();
    expect(leader.bundle()).not.toBe(overlap);
    expect(leader.bundle()).toContain(first);
    await follower.sync();
    expect(await call(overlap)).toMatchObject({ status: 200 });
    expect(await call(leader.bundle())).toMatchObject({ status: 200 });
    // The first authority alone does not do any more: the successor signs.
    await expect(call(first)).rejects.toThrow();
  });

  test('does not cut connections, and new ones get the new certificate', async () => {
    const clock = clockAt(Date.now() - 20 * 3_600_000);
    const replica = manager(clock);
    await replica.sync();
    const call = await serve(replica);
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await call(replica.bundle(), keepAlive);
    setClock(clock, Date.now());
    await replica.sync();
    expect(await call(replica.bundle(), keepAlive)).toMatchObject({ status: 200, reused: true });
    const after = await call(replica.bundle());
    expect(after.status).toBe(200);
    expect(after.certificate).not.toBe(before.certificate);
    keepAlive.destroy();
  });
});
