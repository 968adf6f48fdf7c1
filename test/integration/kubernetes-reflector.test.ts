import { readFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import type { Live } from '../../core/kubernetes/object.ts';
import {
  createReflector,
  type Reflector,
  type ReflectorReport,
} from '../../core/kubernetes/reflector.ts';
import { type ConfigMap, configMaps } from '../../core/kubernetes/resources.ts';
import { type Clock, systemClock } from '../../core/time/clock.ts';
import { writeKubeconfig } from '../support/cluster-files.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A reflector that reaches the API server only through a relay that a test can cut. */
let plane: OwnControlPlane;
let relay: Relay;
let admin: KubernetesClient;
let cut: KubernetesClient;
let reflector: Reflector<ConfigMap>;
let namespace: string;
let changes: string[];
let reports: ReflectorReport[];

beforeAll(async () => {
  plane = await startControlPlane({
    // Without its cache the API server has only etcd's versions, which a test can make it forget.
    apiServerFlags: ['--etcd-compaction-interval=0', '--watch-cache=false'],
  });
  admin = await client(plane.adminKubeconfig);
});

afterAll(async () => {
  await admin.close();
  await plane.stop();
});

beforeEach(async () => {
  relay = await Relay.start(Number(new URL(plane.url).port));
  namespace = await plane.createNamespace('reflector');
  const kubeconfig = JSON.parse(readFileSync(plane.adminKubeconfig, 'utf8'));
  const path = join(plane.directory, `${namespace}.kubeconfig`);
  writeKubeconfig(path, `https://127.0.0.1:${relay.port}`, plane.caPem, kubeconfig.users[0].user);
  cut = await client(path);
  changes = [];
  reports = [];
  reflector = reflectorOf(systemClock);
});

function reflectorOf(clock: Clock): Reflector<ConfigMap> {
  const log = (verb: string, { metadata }: Live<ConfigMap>) =>
    void changes.push(`${verb} ${metadata.name} ${metadata.uid}`);
  reflector = createReflector<ConfigMap>({
    client: cut,
    resource: configMaps,
    keep: (object) => object,
    clock,
    namespace,
    handlers: {
      onAdd: (object) => log('add', object),
      onUpdate: (_previous, object) => log('update', object),
      onDelete: (object) => log('delete', object),
    },
    report: (report) => void reports.push(report),
  });
  return reflector;
}

afterEach(async () => {
  await reflector.stop();
  await cut.close();
  await relay.stop();
});

async function client(path: string): Promise<KubernetesClient> {
  return createKubernetesClient({
    server: { type: 'Kubeconfig', path },
    userAgent: 'actiongrant-test/0',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
}

const create = (name: string) => admin.create(configMaps, { metadata: { namespace, name } });
const remove = (name: string) => admin.delete(configMaps, { namespace, name });
const patch = (name: string, value: string) =>
  admin.patch(configMaps, { namespace, name }, { type: 'Merge', body: { data: { value } } });
const told = (expected: string[]) =>
  eventually(() => expect(changes).toEqual(expected), { withinMilliseconds: 20_000 });
async function expectGone(resourceVersion: string): Promise<void> {
  const events = admin.watch(configMaps, { namespace, resourceVersion, timeoutSeconds: 1 });
  const first = events[Symbol.asyncIterator]().next();
  await expect(first).rejects.toMatchObject({ kind: 'Gone' });
}
const lists = () => reports.filter(({ type }) => type === 'Listed').length;
const failures = () =>
  reports.flatMap((report) =>
    'error' in report && isKubernetesError(report.error) ? [report.error.kind] : [],
  );

it('what happened while the connection was cut is told when it is back, without a list', async () => {
  const [a, b] = [await create('a'), await create('b')];
  reflector.start();
  await reflector.waitForSync();
  await create('c').then(({ metadata }) => told([...added(a, b), `add c ${metadata.uid}`]));
  relay.cut();
  changes.length = 0;
  await remove('a');
  const next = await create('a');
  await patch('b', '1');
  relay.restore();
  await told([
    `delete a ${a.metadata.uid}`,
    `add a ${next.metadata.uid}`,
    `update b ${b.metadata.uid}`,
  ]);
  expect(lists()).toBe(1);
}, 60_000);

it('a deletion and re-creation under one name are seen even when only a list can tell', async () => {
  const [a, b] = [await create('a'), await create('b')];
  reflector.start();
  await reflector.waitForSync();
  // Once it is told of a third one, the watch is there to be frozen.
  await create('c').then(({ metadata }) => told([...added(a, b), `add c ${metadata.uid}`]));
  relay.freeze();
  await remove('a');
  const { metadata } = await admin.list(configMaps, { namespace });
  const next = await create('a');
  await remove('b');
  const latest = await admin.list(configMaps, { namespace });
  await plane.compact(latest.metadata.resourceVersion);
  await expectGone(metadata.resourceVersion);
  changes.length = 0;
  relay.cut();
  relay.restore();
  await told([
    `delete a ${a.metadata.uid}`,
    `add a ${next.metadata.uid}`,
    `delete b ${b.metadata.uid}`,
  ]);
  expect(failures()).toContain('Gone');
  expect(lists()).toBe(2);
}, 60_000);

it('a connection that is dropped without a word is noticed within 90 s', async () => {
  const a = await create('a');
  const clock = new FakeClock();
  const made = reflectorOf(clock);
  made.start();
  await made.waitForSync();
  await create('b').then(({ metadata }) => told([...added(a), `add b ${metadata.uid}`]));
  const asked = clock.now();
  relay.freeze();
  await remove('a');
  changes.length = 0;
  await clock.advance(80_000);
  await told([`delete a ${a.metadata.uid}`]);
  expect(reports.map(({ type }) => type)).toEqual(['Listed', 'WatchSilent']);
  expect(made.lastSync() - asked).toBeLessThan(90_000);
}, 60_000);

it('an API server that is killed and started again is followed again', async () => {
  const a = await create('a');
  reflector.start();
  await reflector.waitForSync();
  await plane.killApiServer();
  await eventually(() => expect(failures().length).toBeGreaterThan(1), {
    withinMilliseconds: 20_000,
  });
  await plane.startApiServer();
  const synced = Date.now();
  const b = await create('b');
  await told([`add a ${a.metadata.uid}`, `add b ${b.metadata.uid}`]);
  expect(reflector.lastSync()).toBeGreaterThanOrEqual(synced);
  expect(reflector.get({ namespace, name: 'b' })?.metadata.uid).toBe(b.metadata.uid);
}, 60_000);

it('an answer to a call of our own is in the store before the watch tells it', async () => {
  const a = await create('a');
  reflector.start();
  await reflector.waitForSync();
  relay.cut();
  const patched = await patch('a', '1');
  expect(reflector.observe(patched)).toBe(true);
  expect(reflector.observe(a)).toBe(false);
  await remove('a');
  relay.restore();
  await told([
    `add a ${a.metadata.uid}`,
    `update a ${a.metadata.uid}`,
    `delete a ${a.metadata.uid}`,
  ]);
  expect(reflector.observe(patched)).toBe(false);
  expect(reflector.size).toBe(0);
}, 60_000);

function added(...objects: Live<ConfigMap>[]): string[] {
  return objects.map(({ metadata }) => `add ${metadata.name} ${metadata.uid}`);
}

/** A TCP relay to a port of this machine. */
class Relay {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #waiting: Socket[] | undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => {
      socket.on('error', () => {});
      if (this.#waiting === undefined) this.#connect(socket);
      else this.#waiting.push(socket);
    });
  }

  #connect(socket: Socket): void {
    const upstream = connectSocket({ host: '127.0.0.1', port: this.#target });
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  static async start(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  /** Breaks every connection; new ones wait: were they refused, a reflector would list after the fifth. */
  cut(): void {
    this.#waiting ??= [];
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nothing through, but keeps every connection. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe();
  }

  restore(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const socket of waiting) this.#connect(socket);
  }

  async stop(): Promise<void> {
    this.cut();
    for (const socket of this.#waiting ?? []) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
