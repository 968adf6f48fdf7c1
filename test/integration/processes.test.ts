/** The product's processes as a cluster treats them: started too early, told to stop, killed, given new files. */

import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { USES_PATH } from '../../core/wire/paths.ts';
import { AGENT, type OwnAgentStage, startAgentStage } from '../support/agent-stage.ts';
import { call, readAll, startCall } from '../support/agent-stream.ts';
import type { KubeObject } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { anHttpCall, aUseRequest, Exchange } from '../support/exchange.ts';
import { faultyKubeconfig, startFaultyApiServer } from '../support/faulty-api-server.ts';
import { readGrant, untilPhase } from '../support/grants.ts';
import { issuePodToken } from '../support/kubelet.ts';
import { secretsInLogs } from '../support/log-secrets.ts';
import { createAuthority } from '../support/pki.ts';
import { freePort } from '../support/ports.ts';
import type { Replica, SidecarProcess } from '../support/product.ts';
import { createScene, type Scene } from '../support/scene.ts';
import { type ScriptedService, startScriptedService } from '../support/scripted-service.ts';
import { upstreamCA } from '../unit/sidecar/forward/upstreams.ts';

const ORIGIN = 'https://h1.example.com';

let stage: OwnAgentStage;
let service: ScriptedService;
let sidecar: SidecarProcess;
const podTokens: string[] = [];

beforeAll(async () => {
  stage = await startAgentStage();
  service = await startScriptedService('h1', 'h1.example.com');
  sidecar = await startSidecar();
}, 120_000);

afterAll(async () => {
  await service?.close();
  await stage?.stop();
}, 60_000);

async function startSidecar(environment: Readonly<Record<string, string>> = {}) {
  const started = await stage.startSidecar({
    connectTo: new Map([['h1.example.com:443', `127.0.0.1:${service.port}`]]),
    trustBundle: await upstreamCA(),
    environment,
  });
  podTokens.push(started.pod.token);
  return started;
}

let count = 0;

/** A path of the test's own that answers in two parts, each when it is told to. */
function inTwoParts() {
  const path = `/v1/case-${count++}`;
  const asked = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  service.on(path, async (_request, response) => {
    asked.resolve();
    await first.promise;
    response.writeHead(200).write('first, ');
    await second.promise;
    response.end('second');
  });
  return { url: `${ORIGIN}${path}`, asked: asked.promise, first, second };
}

/** A path that answers at once. */
function simple(): string {
  const path = `/v1/case-${count++}`;
  service.on(path, (_request, response) => void response.end('done'));
  return `${ORIGIN}${path}`;
}

async function mustWork(through: SidecarProcess = sidecar): Promise<ActionGrant> {
  const url = simple();
  const grant = await stage.grant({ url });
  expect(await call(through, 'h1', { url })).toMatchObject({ status: 200, text: 'done' });
  return stage.ended(grant);
}

async function stopped(process: Replica | SidecarProcess): Promise<void> {
  await process.stop();
  // It ended by itself: nobody had to kill it after its grace period.
  expect(process.process.exitCode).toBe(0);
}

function get(port: number, path: string, method = 'GET'): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, { method });
}

describe('operations', () => {
  test('are served by every process, and nothing else is', async () => {
    for (const { operationsPort } of [...stage.product.replicas, sidecar]) {
      for (const path of ['/healthz', '/readyz']) {
        const response = await get(operationsPort, path);
        expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
      }
      expect((await get(operationsPort, '/metrics')).headers.get('content-type')).toMatch(
        /^text\/plain; version=0\.0\.4/,
      );
      expect((await get(operationsPort, '/')).status).toBe(404);
      expect((await get(operationsPort, '/metrics', 'POST')).status).toBe(405);
    }
  });

  /** Every label and, where they are few, every value. */
  const PHASES = ['Pending', 'Approved', 'InUse', 'Finished', 'Denied', 'Expired', 'Revoked'];
  const DECISIONS = {
    decision: ['Approve', 'Deny', 'Expire'],
    source: ['human', 'policy', 'breakglass'],
  };
  const METRICS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
    actiongrant_grants: { phase: PHASES },
    actiongrant_decisions_total: DECISIONS,
    actiongrant_decision_wait_seconds_count: DECISIONS,
    actiongrant_pending_oldest_age_seconds: {},
    actiongrant_uses_total: {
      action_type: ['HTTP', 'Kubernetes', 'MCP'],
      outcome: ['NotDispatched', 'Succeeded', 'Failed', 'Unknown'],
    },
    actiongrant_use_stage_duration_seconds_count: {
      stage: ['match', 'mint', 'consume', 'revoke', 'confirm'],
    },
    actiongrant_consume_conflicts_total: {},
    actiongrant_ambiguous_writes_total: {},
    actiongrant_credentials_live: {},
    actiongrant_credentials_overdue: {},
    actiongrant_revocations_total: { result: ['Confirmed', 'Unconfirmed', 'Failed'] },
    actiongrant_revocation_confirmation_seconds_count: {},
    actiongrant_cache_last_sync_timestamp_seconds: {
      resource: ['actiongrants', 'namespaces', 'pods'],
    },
  };

  test('of a controller have every metric from the start, and labels from closed sets', async () => {
    await mustWork();
    const [replica] = stage.product.replicas;
    const text = (await replica?.metrics()) ?? '';
    const series = text.split('\n').filter((line) => line.startsWith('actiongrant_'));
    for (const [name, labels] of Object.entries(METRICS)) {
      const own = series.filter((line) => /^[a-z_]+/.exec(line)?.[0] === name);
      expect(own.map(labelsOf).sort(), name).toEqual(combinations(labels).sort());
    }
    expect(text).toMatch(/^actiongrant_build_info\{version="[0-9.]+"\} 1$/m);
    const expirations = series.filter((line) =>
      line.startsWith('actiongrant_certificate_expiration_timestamp_seconds'),
    );
    expect(expirations.length).toBeGreaterThan(0);
    for (const secret of [stage.namespace, AGENT, 'h1.example.com', sidecar.pod.podName]) {
      expect(series.join('\n')).not.toContain(secret);
    }
  });
});

describe('a sidecar', () => {
  test('that is told to stop lets its calls end, reports them, and takes no others', async () => {
    const own = await startSidecar();
    const unanswered = inTwoParts();
    const underWay = inTwoParts();
    const grants = await Promise.all([unanswered, underWay].map(({ url }) => stage.grant({ url })));
    const calls = await Promise.all(
      [unanswered, underWay].map(({ url }) => startCall(own, 'h1', { url })),
    );
    for (const { request } of calls) request.end();
    underWay.first.resolve();
    await Promise.all([unanswered.asked, calls[1]?.response]);
    const stopping = stopped(own);
    await eventually(async () => {
      expect(await connects(own.port)).toBe(false);
    });
    for (const { first, second } of [unanswered, underWay]) {
      first.resolve();
      second.resolve();
    }
    for (const { response } of calls) {
      const { status, body } = await response;
      expect([status, (await readAll(body)).toString()]).toEqual([200, 'first, second']);
    }
    await stopping;
    for (const grant of grants) {
      expect((await stage.ended(grant)).status).toMatchObject({
        phase: 'Finished',
        outcome: 'Succeeded',
      });
    }
  });

  test('takes up a new CA of the controller and a rotated token without a restart', async () => {
    const file = (name: string): string => join(stage.product.directory, `rotated-${name}`);
    /** As the kubelet does it: the old content or the new, never half of one. */
    const replace = async (name: string, text: string): Promise<void> => {
      await writeFile(file(`${name}.new`), text, { mode: 0o600 });
      await rename(file(`${name}.new`), file(name));
    };
    const issue = () =>
      issuePodToken(stage.plane, { namespace: stage.namespace, serviceAccountName: AGENT });
    const [before, after] = [await issue(), await issue()];
    podTokens.push(before.token, after.token);
    await replace('token', before.token);
    await replace('ca.crt', (await createAuthority('a controller of before')).certificate);
    const own = await startSidecar({
      ACTIONGRANT_TOKEN: file('token'),
      ACTIONGRANT_CONTROLLER_CA: file('ca.crt'),
    });
    const refused = await call(own, 'h1', { url: simple() });
    expect(refused).toMatchObject({ status: 503, problem: { code: 'ControllerUnavailable' } });
    expect(refused.headers).toHaveProperty('retry-after');

    await replace('ca.crt', await readFile(stage.product.exchangeCAFile, 'utf8'));
    expect((await mustWork(own)).status?.uses?.[0]?.podName).toBe(before.podName);
    await replace('token', after.token);
    expect((await mustWork(own)).status?.uses?.[0]?.podName).toBe(after.podName);
    await stopped(own);
  });
});

describe('a controller', () => {
  test('that is told to stop answers the use that it is minting for', async () => {
    const { plane, product } = stage;
    const faulty = await startFaultyApiServer(plane);
    const replica = await product.startReplica({
      kubeconfig: faultyKubeconfig(plane, faulty, product.chart.controllerKubeconfig),
    });
    const exchange = new Exchange(product);
    try {
      const url = simple();
      const grant = await stage.grant({ url });
      const mint = faulty.rule({ method: 'POST', path: /\/token(\?|$)/ }, { type: 'HoldRequest' });
      const action = anHttpCall({ method: 'GET', url, body: { kind: 'none' } });
      const request = aUseRequest({ action });
      const use = exchange.use(sidecar.pod, request, replica.port);
      await mint.hit;
      const stopping = stopped(replica);
      await sleep(300);
      mint.release();
      expect((await use).status).toBe(201);
      await stopping;
      expect((await untilPhase(plane, grant, 'InUse')).status?.uses?.[0]?.id).toBe(request.nonce);
      // The other replicas can end what this one began.
      const { namespace, name, uid } = grant.metadata;
      const report = { outcome: 'Succeeded', grant: { namespace, name, uid } } as const;
      expect((await exchange.finish(sidecar.pod, request.nonce, report)).status).toBe(200);
      await untilPhase(plane, grant, 'Finished');
    } finally {
      await exchange.close();
      await faulty.close();
    }
  });

  test('is replaced, and so is every other, while a call is under way: it ends as if nothing had been', async () => {
    const { product } = stage;
    const { url, asked, first, second } = inTwoParts();
    const grant = await stage.grant({ url });
    const agent = await startCall(sidecar, 'h2', { url });
    agent.request.end();
    await asked;
    for (const old of product.replicas.filter(({ running }) => running)) {
      await product.startReplica();
      await stopped(old);
      // Grants are decided, used and refused all the while.
      await mustWork();
    }
    first.resolve();
    second.resolve();
    const { status, body } = await agent.response;
    expect([status, (await readAll(body)).toString()]).toEqual([200, 'first, second']);
    expect((await stage.ended(grant)).status).toMatchObject({ outcome: 'Succeeded' });
  }, 180_000);

  test('that leads is killed: another leads once the lease is over, and approves', async () => {
    const { plane, product } = stage;
    const path = `/apis/coordination.k8s.io/v1/namespaces/${product.chart.namespace}/leases/actiongrant-controller`;
    const holder = async (): Promise<string> => {
      const { spec } = await plane.api<KubeObject & { spec: { holderIdentity: string } }>(
        'GET',
        path,
      );
      return spec.holderIdentity.replace(/_.*$/, '');
    };
    const leads = await eventually(async () => {
      const name = await holder();
      const found = product.replicas.find((replica) => replica.running && replica.name === name);
      if (found === undefined) throw new Error(`${name} leads`);
      return found;
    });
    const url = simple();
    const usable = await stage.grant({ url });
    await leads.kill();
    // What is approved can be used without a leader.
    expect((await call(sidecar, 'h1', { url })).status).toBe(200);
    await stage.ended(usable);
    const url2 = simple();
    await eventually(() => stage.grant({ url: url2 }), { withinMilliseconds: 60_000 });
    expect((await call(sidecar, 'h1', { url: url2 })).status).toBe(200);
    expect(await holder()).not.toBe(leads.name);
    await product.startReplica();
  }, 180_000);

  test('that is started before the API server becomes ready when that comes', async () => {
    const { plane, product } = stage;
    await plane.killApiServer();
    const operationsPort = await freePort();
    const starting = product.startReplica({ operationsPort });
    await eventually(
      async () => {
        expect((await get(operationsPort, '/healthz')).status).toBe(200);
        const ready = await get(operationsPort, '/readyz');
        expect(ready.status).toBe(503);
        expect(await ready.text()).toMatch(/^not ready: cache of actiongrants, /);
      },
      { withinMilliseconds: 30_000 },
    );
    const refused = await call(sidecar, 'h1', { url: simple() });
    expect(refused.status).toBe(503);
    await plane.startApiServer();
    const replica = await starting;
    expect((await get(replica.operationsPort, '/readyz')).status).toBe(200);
    // Those that lost the API server have found it again, too.
    await mustWork();
  }, 180_000);
});

test('without the API server every call is refused with a reason to try again, and later served by itself', async () => {
  const { plane, product, namespace } = stage;
  const [known, later] = [await createScene(plane, namespace), await createScene(plane, namespace)];
  const running = product.replicas.filter((replica) => replica.running);
  const exchange = new Exchange(product);
  const use = ({ pod, call: action }: Pick<Scene, 'pod' | 'call'>, wait: number, port?: number) =>
    exchange.use(pod, aUseRequest({ action, waitMilliseconds: wait }), port);
  // One grant is in every cache, so that its use gets as far as its credential.
  await eventually(async () => {
    for (const replica of running) {
      expect(await replica.metrics()).toMatch(/actiongrant_grants\{phase="Approved"\} [1-9]/);
    }
  });
  await plane.killApiServer();
  try {
    const unavailable = { status: 503, code: 'KubernetesUnavailable', retryable: true };
    for (const { port } of running) {
      const granted = await use(known, 3_000, port);
      expect(granted).toMatchObject({ status: 503, body: unavailable });
      const missed = await use({ pod: known.pod, call: later.call }, 3_000, port);
      expect(missed).toMatchObject({ status: 503, body: unavailable });
      const authorization = 'Bearer junk';
      const stranger = await exchange.send('POST', USES_PATH, aUseRequest(), { authorization });
      expect(stranger).toMatchObject({ status: 401, code: 'Unauthenticated' });
    }
    await plane.startApiServer();
    const { status } = await readGrant(plane, known.grant);
    expect(status?.phase).toBe('Approved');
    expect(status?.uses ?? []).toEqual([]);
    const answer = await eventually(
      async () => {
        const again = await use(known, 10_000);
        if (again.status !== 201) throw new Error(again.text);
        return again;
      },
      { withinMilliseconds: 30_000, everyMilliseconds: 100 },
    );
    expect(answer.body).toMatchObject({ grant: { uid: known.grant.metadata.uid } });
    for (const { running: alive } of running) expect(alive).toBe(true);
  } finally {
    await exchange.close();
  }
}, 180_000);

test('no token is in a log of any process', async () => {
  expect(service.tokens.length).toBeGreaterThan(5);
  expect(await secretsInLogs(stage.product, [...service.tokens, ...podTokens])).toEqual([]);
});

test('nothing is left of the product once it has stopped', async () => {
  const { product } = stage;
  const groups = [...product.replicas, ...product.sidecars].map(({ process }) => process.pid ?? 0);
  await product.stop();
  for (const group of groups) {
    // The whole group: a process of ours, and whatever was tied to it.
    await eventually(() => expect(() => process.kill(-group, 0)).toThrow('ESRCH'));
  }
  await expect(stat(product.directory)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await connects(product.balancer.port)).toBe(false);
});

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The labels of a series, as `{a="1",b="2"}` or nothing. */
function labelsOf(line: string): string {
  return /\{.*\}/.exec(line)?.[0] ?? '';
}

function combinations(labels: Readonly<Record<string, readonly string[]>>): string[] {
  const rows = Object.entries(labels).reduce<string[][]>(
    (all, [name, values]) => all.flatMap((row) => values.map((v) => [...row, `${name}="${v}"`])),
    [[]],
  );
  return rows.map((row) => (row.length === 0 ? '' : `{${row.join(',')}}`));
}
