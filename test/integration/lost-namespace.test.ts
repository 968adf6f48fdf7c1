/**
 * What a tenant or an administrator does to one namespace stops the agents of that namespace, and nobody else: taking away our
 * rights there, filling it with objects that are as large as may be, deleting it.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { aUseRequest, Exchange } from '../support/exchange.ts';
import { createServiceAccount } from '../support/grants.ts';
import { type Product, startProduct } from '../support/product.ts';
import { createScene } from '../support/scene.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
/** Of annotations together, by the API server's own limit (256 KiB). */
const FAT = 'x'.repeat(245_000);
/** More together than one answer may hold. */
const MANY = 320;
const BATCH = 16;
/** The chart's limit for a replica. */
const MEMORY_LIMIT_KIB = 384 * 1024;
/** With the webhook for pods. */
const REPLICA = { environment: { ACTIONGRANT_SIDECAR_IMAGE: 'actiongrant:test' } };

let plane: OwnControlPlane;
let product: Product;
let exchange: Exchange;
let steady: string;
let lost: string;
let crowded: string;

beforeAll(async () => {
  plane = await startControlPlane();
  steady = await plane.createNamespace('steady');
  lost = await plane.createNamespace('lost');
  crowded = await plane.createNamespace('crowded');
  product = await startProduct(plane, {
    agentNamespaces: [steady, lost, crowded],
    replica: REPLICA,
  });
  exchange = new Exchange(product);
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await product?.stop();
  await plane?.stop();
});

/** Other processes, as after a crash or an upgrade: what the first ones have in memory does not help them. */
async function replaceReplicas(): Promise<void> {
  const before = product.replicas.filter(({ running }) => running);
  await Promise.all(before.map(() => product.startReplica(REPLICA)));
  await Promise.all(before.map((replica) => replica.stop()));
}

/** Every replica that should run does, and at no time needed more than the chart gives it. */
function expectWithinMemory(): void {
  const running = product.replicas.filter((replica) => replica.running);
  expect(running).toHaveLength(2);
  for (const { process } of running) {
    const status = readFileSync(`/proc/${process.pid}/status`, 'utf8');
    const peak = Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1]);
    expect(peak).toBeLessThan(MEMORY_LIMIT_KIB);
  }
}

/** A leader makes a grant usable there, and the exchange gives it away. */
async function expectServed(namespace: string): Promise<void> {
  const { pod, call } = await createScene(plane, namespace);
  expect((await exchange.mustUse(pod, call)).credential).toBeDefined();
}

test('who takes our rights in a namespace away stops its agents alone, also over a restart', async () => {
  const { pod, call } = await createScene(plane, lost);
  await plane.api('DELETE', `${RBAC}/namespaces/${lost}/rolebindings/actiongrant-credentials`);
  await replaceReplicas();
  await expectServed(steady);
  const refused = await exchange.use(pod, aUseRequest({ action: call }));
  expect(refused).toMatchObject({ status: 503, code: 'NotReady' });
  expect(refused.text).toContain(`the pods of the namespace ${lost}`);
});

test('a review as large as may be, of as many containers as fit, is refused and ends no replica', async () => {
  const container = (index: number) => ({ name: `c${index}`, image: 'i' });
  const review = JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'f6208f1c-2c74-419c-9089-b272d880900f',
      operation: 'CREATE',
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: steady,
      userInfo: { username: 'anybody', groups: [] },
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'wide' },
        spec: { containers: Array.from({ length: 80_000 }, (_, index) => container(index)) },
      },
    },
  });
  expect(review.length).toBeGreaterThan(2_000_000);
  expect(review.length).toBeLessThan(3 * 1024 * 1024);
  const sent = Array.from({ length: 12 }, () =>
    exchange.send('POST', '/admission/inject-pod', review, {}),
  );
  const statuses = (await Promise.all(sent)).map(({ status }) => status);
  // In their turn, or told to try again.
  for (const status of statuses) expect([200, 429]).toContain(status);
  expect(statuses).toContain(200);
  expectWithinMemory();
  await expectServed(steady);
});

test('who fills a namespace with pods as fat as they may be takes neither memory nor service away', async () => {
  const pod = (index: number) => ({
    metadata: { name: `fat-${index}`, annotations: { fat: FAT } },
    // Nobody will ever run it.
    spec: {
      schedulingGates: [{ name: 'example.com/never' }],
      containers: [{ name: 'main', image: 'none' }],
    },
  });
  // No controller makes it here.
  await createServiceAccount(plane, crowded, 'default');
  for (let index = 0; index < MANY; index += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, place) => pod(index + place));
    await Promise.all(
      batch.map((one) => plane.api('POST', `/api/v1/namespaces/${crowded}/pods`, one)),
    );
  }
  await replaceReplicas();
  await expectServed(crowded);
  expectWithinMemory();
});
