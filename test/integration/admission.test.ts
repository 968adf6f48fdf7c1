/** A real API server that calls our webhooks over TLS, in a cluster with the chart's own RBAC. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAdmissionRouter } from '../../controller/admission/router.ts';
import { createCertificateManager } from '../../controller/certificates/manager.ts';
import type { ActionGrant, ActionGrantSpec } from '../../core/api/generated/actiongrant.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { aCredential, aKubernetesAction, aNewGrant, anHttpAction } from '../support/builders.ts';
import { type InstalledChart, installChart } from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import type { Identity } from '../support/control-plane-client.ts';
import { eventually } from '../support/eventually.ts';
import { untilAllowed } from '../support/rbac.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let plane: OwnControlPlane;
let chart: InstalledChart;
let client: KubernetesClient;
let server: Server;
let namespace: string;

/** May request, decide, and delegate edr-quarantine. */
const DORA: Identity = { user: 'dora', groups: ['deciders'] };
/** May request and decide. */
const PAT: Identity = { user: 'pat' };
/** May only request. */
const RUTH: Identity = { user: 'ruth' };

beforeAll(async () => {
  plane = await startControlPlane();
  namespace = await plane.createNamespace('soc');
  // Listens before there is a certificate: the chart must know the port.
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  chart = await installChart(
    plane,
    { rbac: { agentNamespaces: [namespace] } },
    // It would answer first, in nearly the same words: test/integration/vap.test.ts.
    { webhookURL: `https://127.0.0.1:${port}`, withoutPolicies: ['actiongrant-grants'] },
  );
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: chart.controllerKubeconfig },
    userAgent: 'actiongrant-test',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  const certificates = createCertificateManager({
    client,
    namespace: chart.namespace,
    names: ['127.0.0.1'],
    clock: systemClock,
    random: Math.random,
    log: silent,
  });
  await certificates.sync();
  certificates.attach(server);
  const app = express();
  const settings = {
    controllerUsername: chart.controllerUsername,
    apiServerHosts: ['10.96.0.1'],
    apiServerAudiences: ['https://api.cluster.example'],
    maxPendingPerAgent: 20,
  };
  app.use(
    '/admission',
    createAdmissionRouter({
      client,
      settings,
      // There is no controller here, so nothing waits; test/integration/limits.test.ts has one.
      countAwaitingDecision: () => 0,
      timeoutMilliseconds: 3_000,
      clock: systemClock,
      log: silent,
    }),
  );
  server.on('request', app);
  await bindRoles();
  // The API server takes a while to see the new caBundle.
  await eventually(
    async () => expect((await create(RUTH, {}, {}, '?dryRun=All')).status).toBe(201),
    { withinMilliseconds: 15_000, everyMilliseconds: 50 },
  );
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await client.close();
  await plane.stop();
});

async function bindRoles(): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const role = (kind: string, name: string) => ({
    apiGroup: 'rbac.authorization.k8s.io',
    kind,
    name,
  });
  const user = (name: string) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name });
  await plane.api('POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: 'requesters' },
    roleRef: role('ClusterRole', 'actiongrant-requester'),
    subjects: [user('ruth'), user('pat'), user('dora')],
  });
  const bind = (name: string, roleRef: object, subject: object) =>
    plane.api('POST', `${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name },
      roleRef,
      subjects: [subject],
    });
  // By group, so that the review must carry groups.
  const deciders = { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'deciders' };
  await bind('deciders', role('ClusterRole', 'actiongrant-decider'), deciders);
  await bind('pat-decides', role('ClusterRole', 'actiongrant-decider'), user('pat'));
  await plane.api('POST', `${rbac}/namespaces/${namespace}/roles`, {
    metadata: { name: 'delegate-edr-quarantine' },
    rules: [
      {
        apiGroups: [''],
        resources: ['serviceaccounts'],
        resourceNames: ['edr-quarantine'],
        verbs: ['delegate'],
      },
    ],
  });
  await bind('dora-delegates', role('Role', 'delegate-edr-quarantine'), user('dora'));
  const request = 'create actiongrants.actiongrant.dev';
  const decide = 'create actiondecisions.actiongrant.dev';
  const delegate = 'delegate serviceaccounts edr-quarantine';
  await untilAllowed(plane, RUTH, [request], namespace);
  await untilAllowed(plane, PAT, [request, decide], namespace);
  await untilAllowed(plane, DORA, [request, decide, delegate], namespace);
}

async function create(
  who: Identity,
  spec: Partial<ActionGrantSpec> = {},
  metadata: object = {},
  query = '',
  where = namespace,
) {
  const path = `/apis/actiongrant.dev/v1alpha1/namespaces/${where}/actiongrants${query}`;
  const as = await plane.kubeconfigFor(who);
  return plane.request<ActionGrant & Refusal>('POST', path, aNewGrant({ spec, metadata }), { as });
}

interface Refusal {
  message: string;
  details: { causes: { reason: string; field: string; message: string }[] };
}

async function expectRefusal(
  answer: ReturnType<typeof create>,
  status: number,
  reason: string,
  field: string,
  wayOut: RegExp,
): Promise<void> {
  const { status: actual, body } = await answer;
  expect(body.message).toContain(
    'admission webhook "validate-grant.actiongrant.dev" denied the request: ',
  );
  expect({ status: actual, ...body.details.causes[0] }).toMatchObject({ status, reason, field });
  expect(body.message).toMatch(wayOut);
}

describe('the requester', () => {
  test('is stamped', async () => {
    const { status, body } = await create(RUTH);
    expect(status).toBe(201);
    expect(body.spec.requester).toEqual({ username: 'ruth' });
  });

  test('is who the API server says, whatever the payload claims', async () => {
    const { status, body } = await create(RUTH, { requester: { username: 'dora', uid: '1' } });
    expect(status).toBe(201);
    expect(body.spec.requester).toEqual({ username: 'ruth' });
  });

  test('has a uid if the API server knows one', async () => {
    const account = await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: 'ticket-bot' },
    });
    await plane.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'ticket-bot' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'actiongrant-requester',
      },
      subjects: [{ kind: 'ServiceAccount', name: 'ticket-bot', namespace }],
    });
    const username = `system:serviceaccount:${namespace}:ticket-bot`;
    await untilAllowed(
      plane,
      { user: username },
      ['create actiongrants.actiongrant.dev'],
      namespace,
    );
    const { status } = await plane.api<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/ticket-bot/token`,
      { spec: {} },
    );
    const created = await plane.api<ActionGrant>(
      'POST',
      `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`,
      aNewGrant(),
      { as: await plane.kubeconfigForToken(status.token) },
    );
    expect(created.spec.requester).toEqual({ username, uid: account.metadata.uid });
  });
});

describe('a grant that nobody could read in one way', () => {
  test.for<[what: string, spec: Partial<ActionGrantSpec>, field: string, wayOut: RegExp]>([
    [
      'duplicate JSON keys',
      { action: anHttpAction({ body: { type: 'JSON', json: '{"a": 1, "a": 2}' } }) },
      'spec.action.http.body.json',
      /appears twice/,
    ],
    [
      'a number that does not survive',
      { action: anHttpAction({ body: { type: 'JSON', json: '{"id": 9007199254740993}' } }) },
      'spec.action.http.body.json',
      /send it as a string/,
    ],
    [
      'a header that never matches',
      { action: anHttpAction({ headers: { accept: 'text/html' } }) },
      'spec.action.http.headers[accept]',
      /leave it out/,
    ],
    [
      'an address in an unusual spelling',
      { action: anHttpAction({ url: 'https://0x7f.1/' }) },
      'spec.action.http.url',
      /write a\.b\.c\.d/,
    ],
    [
      'MCP',
      { action: { type: 'MCP', mcp: { url: 'https://mcp.example.com/', tool: 'reset' } } },
      'spec.action.type',
      /use HTTP/,
    ],
    [
      'the API server by name over HTTP',
      { action: anHttpAction({ url: 'https://kubernetes.default.svc/api/v1/secrets' }) },
      'spec.action.http.url',
      /type Kubernetes/,
    ],
    [
      'the API server by address over HTTP',
      { action: anHttpAction({ url: 'https://10.96.0.1/api/v1/secrets' }) },
      'spec.action.http.url',
      /type Kubernetes/,
    ],
    [
      "the API server's audience",
      {
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: {
            serviceAccountName: 'edr-quarantine',
            audience: 'https://api.cluster.example',
          },
        },
      },
      'spec.credential.serviceAccountToken.audience',
      /Name the audience of the called service/,
    ],
  ])('is refused: %s', async ([, spec, field, wayOut]) => {
    await expectRefusal(create(RUTH, spec), 422, 'GrantInvalid', field, wayOut);
  });

  test('is refused in words that kubectl prints', async () => {
    const action = anHttpAction({ body: { type: 'JSON', json: '{"a": 1, "a": 2}' } });
    const { code, stderr } = await kubectlCreate(RUTH, { action });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The ActionGrant "quarantine-host-7-\w+" is invalid: spec\.action\.http\.body\.json: The key "a" appears twice/,
    );
  });
});

function kubectlCreate(who: Identity, spec: Partial<ActionGrantSpec>) {
  return plane.kubeconfigFor(who).then((as) =>
    plane.kubectl(['create', '-n', namespace, '-f', '-'], {
      as,
      input: JSON.stringify(aNewGrant({ spec })),
    }),
  );
}

describe('approval by the requester', () => {
  const approved = { approvedByRequester: true };

  test('is admitted from a decider who may delegate the account', async () => {
    expect((await create(DORA, approved)).status).toBe(201);
    const action = aKubernetesAction();
    const credential = aCredential('Kubernetes');
    expect((await create(DORA, { ...approved, action, credential })).status).toBe(201);
  });

  test.for<
    [what: string, who: Identity, spec: Partial<ActionGrantSpec>, field: string, wayOut: RegExp]
  >([
    ['a mere requester', RUTH, {}, 'spec.approvedByRequester', /actiongrant-decider/],
    [
      'a decider who may not delegate',
      PAT,
      {},
      'spec.credential.serviceAccountToken.serviceAccountName',
      /resourceNames \[edr-quarantine\]/,
    ],
    [
      'a decider who may delegate another account',
      DORA,
      { credential: aCredential('HTTP', 'edr-admin') },
      'spec.credential.serviceAccountToken.serviceAccountName',
      /resourceNames \[edr-admin\]/,
    ],
  ])('is refused from %s', async ([, who, spec, field, wayOut]) => {
    const answer = create(who, { ...approved, ...spec });
    await expectRefusal(answer, 403, 'GrantForbidden', field, wayOut);
  });

  test('is refused in words that kubectl prints', async () => {
    const { code, stderr } = await kubectlCreate(RUTH, approved);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Error from server \(Forbidden\): .* denied the request: spec\.approvedByRequester: ruth may not create/,
    );
  });

  test('is refused where the decider is none', async () => {
    const elsewhere = await plane.createNamespace('elsewhere');
    const answer = create(DORA, approved, {}, '', elsewhere);
    await expectRefusal(answer, 403, 'GrantForbidden', 'spec.approvedByRequester', /decider/);
  });

  test('is refused on what a GitOps tool creates', async () => {
    const metadata = { annotations: { 'argocd.argoproj.io/tracking-id': 'soc:x/y:soc/z' } };
    const field = 'metadata.annotations[argocd.argoproj.io/tracking-id]';
    await expectRefusal(create(DORA, approved, metadata), 403, 'GrantForbidden', field, /Argo CD/);
    expect((await create(DORA, {}, metadata)).status).toBe(201);
  });

  test('is refused from our own controller, whatever RBAC says', async () => {
    const controller = { user: chart.controllerUsername, groups: ['system:masters'] };
    const answer = create(controller, approved);
    await expectRefusal(answer, 403, 'GrantForbidden', 'spec.approvedByRequester', /never decides/);
    expect((await create(controller)).status).toBe(201);
  });
});

describe('an agent in another namespace', () => {
  test('needs the consent of that namespace', async () => {
    const agents = await plane.createNamespace('agents');
    const spec = { agent: { serviceAccountName: 'incident-agent', namespace: agents } };
    const wayOut = new RegExp(`annotate --overwrite namespace ${agents} actiongrant.dev/accepts-`);
    await expectRefusal(create(RUTH, spec), 403, 'GrantForbidden', 'spec.agent.namespace', wayOut);
    await plane.kubectl([
      'annotate',
      'namespace',
      agents,
      `actiongrant.dev/accepts-grants-from=helpdesk, ${namespace}`,
    ]);
    expect((await create(RUTH, spec)).status).toBe(201);
  });

  test('is refused if there is no such namespace', async () => {
    const spec = { agent: { serviceAccountName: 'incident-agent', namespace: 'nowhere' } };
    const answer = create(RUTH, spec);
    await expectRefusal(answer, 403, 'GrantForbidden', 'spec.agent.namespace', /nowhere/);
  });
});

describe('without an answer', () => {
  test('no grant is created', async () => {
    const listeners = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (_req, res) => res.writeHead(500).end());
    const { status, body } = await create(RUTH);
    expect(status).toBe(500);
    expect(body.message).toContain('failed calling webhook "stamp-requester.actiongrant.dev"');
    server.removeAllListeners('request');
    for (const listener of listeners) server.on('request', listener as () => void);
    expect((await create(RUTH)).status).toBe(201);
  });
});
