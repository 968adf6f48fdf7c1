import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Action } from '../../core/action/action.ts';
import type { ActionGrant, ActionGrantSpec } from '../../core/api/generated/actiongrant.ts';
import { ACCEPTS_GRANTS_ANNOTATION } from '../../core/api/names.ts';
import type { ProblemCode, ProblemDocument } from '../../core/api/problem.ts';
import { DISCOVERY_PATH, USES_PATH } from '../../core/wire/paths.ts';
import { aGrantSpec, aNewGrant, anHttpAction, withoutCredential } from '../support/builders.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { anHttpCall, aUseRequest, Exchange, type ExchangeAnswer } from '../support/exchange.ts';
import { faultyKubeconfig, startFaultyApiServer } from '../support/faulty-api-server.ts';
import {
  createGrant,
  createServiceAccount,
  createUsableGrant,
  grantsPath,
  readGrant,
  untilPhase,
} from '../support/grants.ts';
import { issuePodToken, type PodToken } from '../support/kubelet.ts';
import { freePort } from '../support/ports.ts';
import type { RunningReplica } from '../support/replica-process.ts';
import { createScene, type Scene } from '../support/scene.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';

/* The exchange over the wire: which calls are granted, and what every other one is told. */

let plane: ControlPlane;
let product: SharedProduct;
/** Three of them. */
let replicas: readonly RunningReplica[];
let exchange: Exchange;
let namespace: string;
let others: string;
let pod: PodToken;

beforeAll(async () => {
  product = await shareProduct();
  ({ plane, namespace } = product);
  others = await product.anotherNamespace();
  const third = await product.startReplica({
    environment: { ACTIONGRANT_POD_RATE_PER_SECOND: '1000' },
  });
  replicas = [...product.replicas, third];
  exchange = new Exchange(product);
  pod = await issuePodToken(plane, { namespace, serviceAccountName: 'incident-agent' });
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await product?.stop();
});

const scene = (spec: Partial<ActionGrantSpec> = {}): Promise<Scene> =>
  createScene(plane, namespace, spec);

const use = (
  { pod, call }: Pick<Scene, 'pod' | 'call'>,
  port?: number,
  waitMilliseconds = 10_000,
): Promise<ExchangeAnswer> =>
  exchange.use(pod, aUseRequest({ action: call, waitMilliseconds }), port);

const accountOf = ({ grant }: Scene): string =>
  grant.spec.credential?.serviceAccountToken?.serviceAccountName ?? '';

const removeAccount = (at: Scene): Promise<unknown> =>
  plane.api('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/${accountOf(at)}`);

function expectRefusal(answer: ExchangeAnswer, status: number, code: ProblemCode): ProblemDocument {
  expect(answer.body).toMatchObject({ status, code });
  expect(answer.status).toBe(status);
  return answer.body as ProblemDocument;
}

async function expectUnused(grant: ActionGrant): Promise<void> {
  const { status } = await readGrant(plane, grant);
  expect(status?.phase).toBe('Approved');
  expect(status?.uses ?? []).toEqual([]);
}

/** What the grants' own call has that no other call has. */
const callsThatDiffer = (call: Action): readonly (readonly [string, Action])[] => {
  if (call.type !== 'HTTP') throw new Error('an HTTP call was expected');
  return [
    ['another method', { ...call, method: 'PUT' }],
    ['another path', { ...call, url: `${call.url}x` }],
    ['a query', { ...call, url: `${call.url}?force=true` }],
    ['another port', { ...call, url: call.url.replace('.com/', '.com:8443/') }],
    ['a header', { ...call, headers: { 'x-force': '1' } }],
    ['no body', { ...call, body: { kind: 'none' } }],
    ['a body that was not read', { ...call, body: { kind: 'unread' } }],
    [
      'another body',
      { ...call, body: { kind: 'bytes', sha256: 'a'.repeat(64), jsonSha256: 'b'.repeat(64) } },
    ],
  ];
};

describe('a grant permits exactly what it says', () => {
  test('to its agent, once', async () => {
    const at = await scene();
    const first = await use(at);
    expect(first.status).toBe(201);
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.body).toMatchObject({
      grant: { namespace, name: at.grant.metadata.name, uid: at.grant.metadata.uid },
      bodyForm: 'JSON',
      timeoutMilliseconds: 30_000,
      credential: { token: expect.stringMatching(/^eyJ/), expirationTime: expect.any(String) },
    });
    expectRefusal(await use(at), 403, 'GrantRequired');
  });

  test('and no call that differs', async () => {
    const at = await scene();
    for (const [difference, call] of callsThatDiffer(at.call)) {
      const answer = await use({ ...at, call });
      expect({ difference, code: answer.code }).toEqual({ difference, code: 'GrantRequired' });
    }
    await expectUnused(at.grant);
  });

  test('not to another agent of the namespace', async () => {
    const at = await scene();
    expectRefusal(await use({ ...at, pod }), 403, 'GrantRequired');
    await expectUnused(at.grant);
  });

  test('not before it is decided', async () => {
    const { call, pod: own } = await scene();
    const url = `https://edr.example.com/v1/hosts/undecided-${randomUUID()}`;
    const grant = await createGrant(plane, namespace, {
      spec: {
        approvedByRequester: false,
        agent: { serviceAccountName: own.serviceAccountName },
        action: anHttpAction({ url }),
      },
    });
    await untilPhase(plane, grant, 'Pending');
    if (call.type !== 'HTTP') throw new Error('an HTTP call was expected');
    expectRefusal(await use({ pod: own, call: { ...call, url } }), 403, 'GrantRequired');
    expect((await readGrant(plane, grant)).status?.uses).toBeUndefined();
  });

  test('not after its time is over', async () => {
    const at = await scene({ useDeadlineSeconds: 10 });
    await sleep(Date.parse(`${at.grant.status?.expirationTime}`) - Date.now() + 1);
    expectRefusal(await use(at), 403, 'GrantRequired');
    const { status } = await untilPhase(plane, at.grant, 'Expired');
    expect(status?.uses).toBeUndefined();
  });

  test('without a credential it is consumed all the same', async () => {
    const url = `https://edr.example.com/v1/status/${randomUUID()}`;
    const spec = withoutCredential(
      aGrantSpec({ approvedByRequester: true, action: anHttpAction({ url }) }),
    );
    const created = await plane.api<ActionGrant>('POST', grantsPath(namespace), {
      ...aNewGrant(),
      spec,
    });
    const grant = await untilPhase(plane, created, 'Approved');
    const message = aUseRequest({ action: anHttpCall({ url }) });
    const answer = await exchange.use(pod, message);
    expect(answer.status).toBe(201);
    expect(answer.body).not.toHaveProperty('credential');
    expectRefusal(await exchange.use(pod, message), 409, 'AlreadyUsed');
    expectRefusal(await use({ pod, call: message.action }), 403, 'GrantRequired');
    const report = await exchange.finish(pod, message.nonce, { outcome: 'Succeeded' });
    expect(report.body).toEqual({ phase: 'Finished', outcome: 'Succeeded' });
    const { status } = await readGrant(plane, grant);
    expect(status?.conditions?.map(({ type }) => type)).not.toContain('CredentialRevoked');
  });
});

function without<T extends object, K extends PropertyKey>(object: T, key: K): Omit<T, K> {
  const { [key as never]: _, ...rest } = object as Record<PropertyKey, unknown>;
  return rest as Omit<T, K>;
}

describe('a grant for one pod of the agent', () => {
  test.each(['podName', 'podUID'] as const)('by %s', async (field) => {
    const at = await scene();
    const sibling = await issuePodToken(plane, {
      namespace,
      serviceAccountName: at.pod.serviceAccountName,
    });
    const url = `https://edr.example.com/v1/one-pod/${randomUUID()}`;
    const grant = await createUsableGrant(plane, namespace, {
      spec: {
        agent: {
          serviceAccountName: at.pod.serviceAccountName,
          [field]: field === 'podName' ? at.pod.podName : at.pod.podUid,
        },
        action: anHttpAction({ url }),
        ...(at.grant.spec.credential && { credential: at.grant.spec.credential }),
      },
    });
    const call = anHttpCall({ url });
    const refusal = expectRefusal(await use({ pod: sibling, call }), 403, 'GrantRequired');
    expect(refusal.detail).toMatch(/another pod/);
    await expectUnused(grant);
    expect((await use({ pod: at.pod, call })).status).toBe(201);
  });
});

describe('an agent of another namespace', () => {
  const consent = (namespaces: string | null): Promise<unknown> =>
    plane.api(
      'PATCH',
      `/api/v1/namespaces/${others}`,
      { metadata: { annotations: { [ACCEPTS_GRANTS_ANNOTATION]: namespaces } } },
      { contentType: 'application/merge-patch+json' },
    );

  test('uses the grants that its namespace accepts, as long as it accepts them', async () => {
    await consent(namespace);
    const foreign = await issuePodToken(plane, { namespace: others, serviceAccountName: 'helper' });
    const { credential } = (await scene()).grant.spec;
    const lentByNobody = await scene();
    const urls = [1, 2, 3].map((n) => `https://edr.example.com/v1/across/${n}-${randomUUID()}`);
    const create = (url = '', from = credential): Promise<ActionGrant> =>
      eventually(
        () =>
          createUsableGrant(plane, namespace, {
            spec: {
              agent: { namespace: others, serviceAccountName: 'helper' },
              action: anHttpAction({ url }),
              ...(from && { credential: from }),
            },
          }),
        { withinMilliseconds: 20_000 },
      );
    const [first, second] = [await create(urls[0]), await create(urls[1])];
    // It tells whether a replica has heard of the consent, and is never used up.
    await create(urls[2], lentByNobody.grant.spec.credential);
    await removeAccount(lentByNobody);
    const call = (url = '', port?: number): Promise<ExchangeAnswer> =>
      use({ pod: foreign, call: anHttpCall({ url }) }, port);
    const everyReplicaSays = (code: ProblemCode): Promise<void> =>
      eventually(
        async () => {
          for (const { port } of replicas) {
            expect(await call(urls[2], port)).toMatchObject({ code });
          }
        },
        { withinMilliseconds: 20_000, everyMilliseconds: 50 },
      );
    await everyReplicaSays('CredentialRefused');
    const answer = await call(urls[0]);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ grant: { namespace, name: first.metadata.name } });

    await consent(null);
    await everyReplicaSays('GrantRequired');
    const refusal = expectRefusal(await call(urls[1]), 403, 'GrantRequired');
    expect(refusal.detail).toMatch(/does not accept/);
    await expectUnused(second);
  });
});

describe("the credential's ServiceAccount", () => {
  test('that was made again under its name since the approval is another one', async () => {
    const at = await scene();
    const name = accountOf(at);
    await removeAccount(at);
    await createServiceAccount(plane, namespace, name);
    const refusal = expectRefusal(await use(at), 403, 'CredentialRefused');
    expect(refusal.detail).toMatch(/re-created/);
    await expectUnused(at.grant);
  });

  test('that is gone lends nothing', async () => {
    const at = await scene();
    await removeAccount(at);
    expectRefusal(await use(at), 403, 'CredentialRefused');
    await expectUnused(at.grant);
  });

  test('that does not exist yet keeps the grant from being usable, and says so', async () => {
    const name = `late-${randomUUID().slice(0, 8)}`;
    const grant = await createGrant(plane, namespace, {
      spec: {
        action: anHttpAction({ url: `https://edr.example.com/v1/late/${randomUUID()}` }),
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: { serviceAccountName: name, audience: 'https://edr.example.com' },
        },
      },
    });
    const ready = async () =>
      (await readGrant(plane, grant)).status?.conditions?.find(({ type }) => type === 'Ready');
    await eventually(async () =>
      expect(await ready()).toMatchObject({ status: 'False', reason: 'ServiceAccountNotFound' }),
    );
    await createServiceAccount(plane, namespace, name);
    await untilPhase(plane, grant, 'Approved');
  });
});

test('a grant that kubectl has waited for works at once on every replica, also after a miss', async () => {
  const ports = replicas.map(({ port }) => port);
  for (let round = 0; round < 4; round++) {
    const urls = ports.map(() => `https://edr.example.com/v1/fresh/${randomUUID()}`);
    const { credential } = (await scene()).grant.spec;
    const callAll = (): Promise<ExchangeAnswer[]> =>
      Promise.all(urls.map((url, index) => use({ pod, call: anHttpCall({ url }) }, ports[index])));
    for (const answer of await callAll()) expectRefusal(answer, 403, 'GrantRequired');
    const grants = await Promise.all(
      urls.map((url) =>
        createGrant(plane, namespace, {
          spec: {
            agent: { serviceAccountName: pod.serviceAccountName },
            action: anHttpAction({ url }),
            ...(credential && { credential }),
          },
        }),
      ),
    );
    const names = grants.map(({ metadata }) => `actiongrant/${metadata.name}`);
    const waited = await plane.kubectl([
      'wait',
      '--for=condition=Ready',
      '--timeout=20s',
      `--namespace=${namespace}`,
      ...names,
    ]);
    expect(waited.code, waited.stderr).toBe(0);
    for (const answer of await callAll()) expect(answer.status, answer.text).toBe(201);
  }
});

describe('a message that is not exactly right is refused, and the member named', () => {
  const good = aUseRequest();
  const { action } = good;
  const kubernetes = {
    type: 'Kubernetes',
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'shop',
    name: 'checkout-0',
    queryParameters: {},
    body: { kind: 'none' },
  };
  const digest = 'a'.repeat(64);
  const body = (value: unknown) => ({ ...good, action: { ...action, body: value } });

  test.each<readonly [field: string, message: unknown]>([
    ['body', '{"nonce": '],
    ['body', ''],
    ['body', []],
    ['body', 'null'],
    ['body', '"text"'],
    ['body.nonce', without(good, 'nonce')],
    ['body.action', without(good, 'action')],
    ['body.waitMilliseconds', without(good, 'waitMilliseconds')],
    ['body.extra', { ...good, extra: 1 }],
    ['nonce', { ...good, nonce: 7 }],
    ['nonce', { ...good, nonce: 'not-a-uuid' }],
    ['nonce', { ...good, nonce: good.nonce.toUpperCase().replace(/\d/g, 'A') }],
    ['nonce', { ...good, nonce: good.nonce.replace(/^(.{14})4/, '$11') }],
    ['waitMilliseconds', { ...good, waitMilliseconds: 0 }],
    ['waitMilliseconds', { ...good, waitMilliseconds: 60_001 }],
    ['waitMilliseconds', { ...good, waitMilliseconds: 1.5 }],
    ['waitMilliseconds', { ...good, waitMilliseconds: '1000' }],
    ['action', { ...good, action: 'POST' }],
    ['action.type', { ...good, action: without(action, 'type') }],
    ['action.type', { ...good, action: { ...action, type: 'MCP' } }],
    ['action.method', { ...good, action: without(action, 'method') }],
    ['action.method', { ...good, action: { ...action, method: '' } }],
    ['action.url', { ...good, action: { ...action, url: null } }],
    ['action.url', { ...good, action: { ...action, url: 'x'.repeat(8193) } }],
    ['action.headers', { ...good, action: { ...action, headers: [] } }],
    ['action.headers.x-a', { ...good, action: { ...action, headers: { 'x-a': 1 } } }],
    ['action.verb', { ...good, action: { ...action, verb: 'get' } }],
    ['action.body', body(null)],
    ['action.body.kind', body({})],
    ['action.body.kind', body({ kind: 'some' })],
    ['action.body.sha256', body({ kind: 'none', sha256: digest })],
    ['action.body.sha256', body({ kind: 'bytes' })],
    ['action.body.sha256', body({ kind: 'bytes', sha256: digest.toUpperCase() })],
    ['action.body.jsonSha256', body({ kind: 'bytes', sha256: digest, jsonSha256: 'short' })],
    ['action.verb', { ...good, action: without(kubernetes, 'verb') }],
    ['action.name', { ...good, action: { ...kubernetes, name: 'x'.repeat(254) } }],
    ['action.patchType', { ...good, action: { ...kubernetes, patchType: 'Apply' } }],
    ['action.queryParameters', { ...good, action: { ...kubernetes, queryParameters: null } }],
    ['action.url', { ...good, action: { ...kubernetes, url: 'https://edr.example.com/' } }],
  ])('%s %#', async (field, message) => {
    const authorization = `Bearer ${pod.token}`;
    const answer = await exchange.send('POST', USES_PATH, message, { authorization });
    const refusal = expectRefusal(answer, 400, 'RequestMalformed');
    expect(refusal.field).toBe(field);
    expect(refusal.detail).toContain(field);
    expect(refusal.retryable).toBe(false);
  });

  test.each<readonly [field: string, report: unknown]>([
    ['body', []],
    ['body.outcome', {}],
    ['outcome', { outcome: 'Fine' }],
    ['responseCode', { outcome: 'Succeeded', responseCode: 99 }],
    ['responseCode', { outcome: 'Succeeded', responseCode: '200' }],
    ['credentialToken', { outcome: 'Succeeded', credentialToken: '' }],
    ['grant', { outcome: 'Succeeded', grant: 'soc/quarantine' }],
    ['grant.uid', { outcome: 'Succeeded', grant: { namespace: 'soc', name: 'a' } }],
    ['grant.name', { outcome: 'Succeeded', grant: { namespace: 'soc', name: '', uid: 'u' } }],
    ['body.token', { outcome: 'Succeeded', token: 'x' }],
  ])('of a report: %s %#', async (field, report) => {
    const path = `${USES_PATH}/${randomUUID()}/finish`;
    const authorization = `Bearer ${pod.token}`;
    const answer = await exchange.send('POST', path, report, { authorization });
    expect(expectRefusal(answer, 400, 'RequestMalformed').field).toBe(field);
  });

  test('a nonce in the path that is none', async () => {
    const answer = await exchange.finish(pod, 'junk', { outcome: 'Succeeded' });
    expect(expectRefusal(answer, 400, 'RequestMalformed').field).toBe('nonce');
  });

  test('more than any message needs', async () => {
    const message = { ...aUseRequest(), padding: 'x'.repeat(300_000) };
    const authorization = `Bearer ${pod.token}`;
    const answer = await exchange.send('POST', USES_PATH, message, { authorization });
    expectRefusal(answer, 413, 'BodyTooLarge');
    // Its rest is not read, so the connection cannot serve another message.
    expect(answer.headers['connection']).toBe('close');
  });

  test.each([
    ['GET', '/'],
    ['GET', USES_PATH],
    ['POST', '/v2/uses'],
    ['GET', '/v1/uses/../../etc'],
  ] as const)('%s %s is nothing', async (method, path) => {
    const answer = await exchange.send(method, path, undefined, {
      authorization: `Bearer ${pod.token}`,
    });
    expectRefusal(answer, 404, 'NotFound');
  });
});

describe('a report', () => {
  test('of a use that nobody knows may come too early, so it is worth another try', async () => {
    const answer = await exchange.finish(pod, randomUUID(), { outcome: 'Succeeded' });
    expect(expectRefusal(answer, 404, 'UseUnknown').retryable).toBe(true);
  });

  test("of another pod's use is refused and changes nothing", async () => {
    const at = await scene();
    const { nonce, grant } = await exchange.mustUse(at.pod, at.call);
    const thief = await issuePodToken(plane, {
      namespace,
      serviceAccountName: at.pod.serviceAccountName,
    });
    const answer = await exchange.finish(thief, nonce, { outcome: 'NotDispatched', grant });
    expectRefusal(answer, 403, 'UseNotYours');
    expect((await readGrant(plane, at.grant)).status?.phase).toBe('InUse');
  });

  test('may be repeated on any replica: the first one counts', async () => {
    const at = await scene();
    const { nonce, grant } = await exchange.mustUse(at.pod, at.call);
    const first = await exchange.finish(at.pod, nonce, { outcome: 'Failed', responseCode: 503 });
    expect(first.body).toEqual({ phase: 'Finished', outcome: 'Failed' });
    for (const { port } of replicas) {
      const again = await exchange.finish(
        at.pod,
        nonce,
        { outcome: 'Succeeded', responseCode: 200, grant },
        port,
      );
      expect(again.status, again.text).toBe(200);
      expect(again.body).toEqual({ phase: 'Finished', outcome: 'Failed' });
    }
    const { status } = await readGrant(plane, at.grant);
    expect(status?.uses).toMatchObject([{ outcome: 'Failed', responseCode: 503 }]);
  });
});

describe('discovery', () => {
  const discover = (path: string | undefined, authorization = `Bearer ${pod.token}`) =>
    exchange.send(
      'GET',
      path === undefined ? DISCOVERY_PATH : `${DISCOVERY_PATH}?path=${encodeURIComponent(path)}`,
      undefined,
      { authorization },
    );

  test.each([
    ['/version', { gitVersion: expect.any(String) }],
    ['/api', { kind: 'APIVersions' }],
    ['/api/v1', { kind: 'APIResourceList', groupVersion: 'v1' }],
    ['/apis', { kind: 'APIGroupList' }],
    ['/apis/apps', { kind: 'APIGroup', name: 'apps' }],
    ['/apis/actiongrant.dev/v1alpha1', { groupVersion: 'actiongrant.dev/v1alpha1' }],
    ['/openapi/v3', { paths: expect.any(Object) }],
    ['/openapi/v3/apis/apps/v1?hash=ABC', { openapi: expect.any(String) }],
  ])('of %s is read for an agent', async (path, document) => {
    const answer = await discover(path);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject(document);
  });

  test.each([
    undefined,
    '',
    '/',
    '/api/v1/secrets',
    '/api/v1/namespaces/kube-system/secrets',
    '/apis/apps/v1/deployments',
    '/openid/v1/jwks',
    '/metrics',
    '/api/v1/../../metrics',
    '/apis/..',
    '/version\n/metrics',
    'https://evil.example/version',
  ])('is no way to read %j', async (path) => {
    expectRefusal(await discover(path), 403, 'DiscoveryRefused');
  });

  test('of what the API server does not have is not found', async () => {
    expectRefusal(await discover('/apis/nowhere.example.com'), 404, 'NotFound');
  });

  test('is for agents only', async () => {
    expectRefusal(await discover('/version', 'Bearer junk'), 401, 'Unauthenticated');
  });
});

test('a replica that has not read the grants decides nothing', async () => {
  await using faulty = await startFaultyApiServer(plane).then((server) =>
    Object.assign(server, { [Symbol.asyncDispose]: () => server.close() }),
  );
  const at = await scene();
  const held = faulty.rule(
    { method: 'GET', path: /\/actiongrants\?/, times: 1_000 },
    { type: 'HoldRequest' },
  );
  const port = await freePort();
  const starting = product.startReplica({
    kubeconfig: faultyKubeconfig(plane, faulty, product.chart.controllerKubeconfig),
    environment: { ACTIONGRANT_LISTEN: `127.0.0.1:${port}` },
  });
  await held.hit;
  const refusal = await eventually(
    async () => expectRefusal(await use(at, port), 503, 'NotReady'),
    { withinMilliseconds: 30_000, everyMilliseconds: 50 },
  );
  expect(refusal.retryable).toBe(true);
  held.release();
  const replica = await starting;
  expect((await use(at, port)).status).toBe(201);
  await replica.kill();
});
