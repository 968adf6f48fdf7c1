/**
 * The chart's ValidatingAdmissionPolicies, each asked for what it must refuse and for what it must let pass. Whoever asks
 * has every right that RBAC can give (system:masters), so a refusal is the policy's.
 */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TRACKING_MARKS } from '../../controller/admission/grants/tracking-marks.ts';
import type { ActionGrantSpec } from '../../core/api/generated/actiongrant.ts';
import type { ApiResponse } from '../support/api-client.ts';
import { aCredential, aKubernetesAction, aNewGrant } from '../support/builders.ts';
import type { InstalledChart } from '../support/chart.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import type { Identity } from '../support/control-plane-client.ts';
import { issuePodToken } from '../support/kubelet.ts';
import { untilAllowed } from '../support/rbac.ts';
import { sharePolicies } from '../support/shared.ts';
import { SHARED_API_AUDIENCE as API_AUDIENCE } from '../support/shared-setup.ts';

let plane: ControlPlane;
let chart: InstalledChart;
let namespace: string;

/** Kubeconfig of a user who may do everything, so that only admission can refuse. */
const mighty = (user: string, groups: readonly string[] = []) =>
  plane.kubeconfigFor({ user, groups: ['system:masters', ...groups] });
const asController = () => mighty(chart.controllerUsername);
const JANE = 'jane';
const COLLECTORS = [
  'system:serviceaccount:kube-system:generic-garbage-collector',
  'system:serviceaccount:kube-system:namespace-controller',
  'system:kube-controller-manager',
];

beforeAll(async () => {
  ({ plane, chart, namespace } = await sharePolicies('plain'));
  for (const name of ['edr-quarantine', 'incident-agent']) {
    await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name },
    });
  }
});
afterAll(() => plane?.disconnect());

const grantsPath = () => `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
const secretsPath = () => `/api/v1/namespaces/${namespace}/secrets`;
const tokenPath = (account = 'edr-quarantine', where = namespace) =>
  `/api/v1/namespaces/${where}/serviceaccounts/${account}/token`;

async function createGrant(metadata: object = {}) {
  const grant = aNewGrant({ metadata, spec: { requester: { username: JANE } } });
  return plane.request('POST', grantsPath(), grant, { as: await mighty(JANE) });
}

async function aStoredGrant() {
  const { status, body } = await createGrant();
  expect(status).toBe(201);
  return body;
}

const owner = (uid: string, name = 'quarantine-host-7') => ({
  apiVersion: 'actiongrant.dev/v1alpha1',
  kind: 'ActionGrant',
  name,
  uid,
});

function aBoundSecret(uid = randomUUID() as string, attempt = 0) {
  return {
    metadata: { name: `ag-${uid}-${attempt}-x7k2p`, ownerReferences: [owner(uid)] },
    type: 'actiongrant.dev/bound',
  };
}

function expectRefusal(response: ApiResponse<unknown>, policy: string, field: string): void {
  expect(response).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
  const { message } = response.body as { message: string };
  expect(message).toContain(`ValidatingAdmissionPolicy '${policy}'`);
  expect(message).toContain(`denied request: ${field}: `);
}

describe('records', () => {
  test('let the controller write status, and nobody else', async () => {
    const grant = await aStoredGrant();
    const path = `${grantsPath()}/${grant.metadata.name}/status`;
    const body = { ...grant, status: { phase: 'Pending' } };
    const refused = await plane.request('PUT', path, body, { as: await mighty(JANE) });
    expectRefusal(refused, 'actiongrant-records', 'status');
    const written = await plane.request('PUT', path, body, { as: chart.controllerKubeconfig });
    expect(written.status).toBe(200);
  });

  test.for([
    ['metadata.finalizers', { finalizers: ['example.com/keep'] }],
    ['metadata.ownerReferences', { ownerReferences: [owner(randomUUID())] }],
  ] as const)('refuse %s from a user, at creation and after', async ([field, metadata]) => {
    expectRefusal(await createGrant(metadata), 'actiongrant-records', field);
    const grant = await aStoredGrant();
    const changed = { ...grant, metadata: { ...grant.metadata, ...metadata } };
    const path = `${grantsPath()}/${grant.metadata.name}`;
    const refused = await plane.request('PUT', path, changed, { as: await mighty(JANE) });
    expectRefusal(refused, 'actiongrant-records', field);
  });

  test('let a user change labels', async () => {
    const grant = await aStoredGrant();
    const labels = { team: 'soc' };
    const changed = { ...grant, metadata: { ...grant.metadata, labels } };
    const path = `${grantsPath()}/${grant.metadata.name}`;
    const answer = await plane.request('PUT', path, changed, { as: await mighty(JANE) });
    expect(answer.status).toBe(200);
  });

  test.for(COLLECTORS)('let %s change finalizers and owners', async (user) => {
    const grant = await aStoredGrant();
    const path = `${grantsPath()}/${grant.metadata.name}`;
    const as = await mighty(user);
    for (const finalizers of [['foregroundDeletion'], []]) {
      const current = await plane.api('GET', path);
      const metadata = { ...current.metadata, finalizers, ownerReferences: [owner(randomUUID())] };
      const answer = await plane.request('PUT', path, { ...current, metadata }, { as });
      expect(answer.status).toBe(200);
    }
  });
});

describe('requester', () => {
  test.for([
    ['somebody else', { username: 'root' }],
    ['the right name with an invented uid', { username: JANE, uid: '0' }],
    ['nobody', undefined],
  ] as const)('refuses a grant that names %s', async ([, requester]) => {
    const grant = aNewGrant({ spec: requester === undefined ? {} : { requester } });
    const refused = await plane.request('POST', grantsPath(), grant, { as: await mighty(JANE) });
    expectRefusal(refused, 'actiongrant-requester', 'spec.requester');
  });

  test('lets a ServiceAccount name itself with its uid, and not without', async () => {
    const account = await plane.api(
      'GET',
      `/api/v1/namespaces/${namespace}/serviceaccounts/incident-agent`,
    );
    const username = `system:serviceaccount:${namespace}:incident-agent`;
    await plane.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'incident-agent-requests' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'actiongrant-requester',
      },
      subjects: [{ kind: 'ServiceAccount', name: 'incident-agent', namespace }],
    });
    await untilAllowed(
      plane,
      { user: username },
      ['create actiongrants.actiongrant.dev'],
      namespace,
    );
    const { status } = await plane.api<{ status: { token: string } }>(
      'POST',
      tokenPath('incident-agent'),
      { spec: {} },
    );
    const as = await plane.kubeconfigForToken(status.token);
    const create = (requester: { username: string; uid?: string }) =>
      plane.request('POST', grantsPath(), aNewGrant({ spec: { requester } }), { as });
    expect((await create({ username, uid: account.metadata.uid })).status).toBe(201);
    expectRefusal(await create({ username }), 'actiongrant-requester', 'spec.requester');
  });
});

/** Here is no webhook: whoever may create grants has only the policies before him. */
describe('approval by the requester, without the webhook', () => {
  const RBAC = '/apis/rbac.authorization.k8s.io/v1';
  /** May request, decide, and delegate edr-quarantine. */
  const DORA: Identity = { user: 'dora', groups: ['deciders'] };
  /** May only request. */
  const RUTH: Identity = { user: 'ruth' };
  /** May decide, and delegate nothing. */
  const PAT: Identity = { user: 'pat', groups: ['deciders'] };

  beforeAll(async () => {
    const bind = (where: string, name: string, kind: string, subject: object) =>
      plane.api('POST', `${RBAC}/namespaces/${where}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', ...subject }],
      });
    elsewhere = await plane.createNamespace('elsewhere');
    await plane.api('POST', `${RBAC}/namespaces/${namespace}/roles`, {
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
    for (const where of [namespace, elsewhere]) {
      await bind(where, 'actiongrant-requester', 'ClusterRole', { kind: 'User', name: 'ruth' });
    }
    // By group: the question must be asked for all that the user is.
    await bind(namespace, 'actiongrant-decider', 'ClusterRole', {
      kind: 'Group',
      name: 'deciders',
    });
    await bind(namespace, 'delegate-edr-quarantine', 'Role', { kind: 'User', name: 'dora' });
  });

  let elsewhere: string;
  const approvedBy = async (
    who: Identity,
    spec: Partial<ActionGrantSpec> = {},
    metadata: object = {},
  ) => {
    const requester = { username: who.user };
    const grant = aNewGrant({ metadata, spec: { requester, approvedByRequester: true, ...spec } });
    return plane.request('POST', grantsPath(), grant, { as: await plane.kubeconfigFor(who) });
  };

  test('is admitted from a decider who may delegate the account', async () => {
    expect((await approvedBy(DORA)).status).toBe(201);
    const kubernetes = { action: aKubernetesAction(), credential: aCredential('Kubernetes') };
    expect((await approvedBy(DORA, kubernetes)).status).toBe(201);
    expect((await approvedBy(RUTH, { approvedByRequester: false })).status).toBe(201);
  });

  test.for<
    [what: string, who: Identity, spec: Partial<ActionGrantSpec>, field: string, words: string]
  >([
    [
      'a mere requester',
      RUTH,
      {},
      'spec.approvedByRequester',
      'ruth may not create actiondecisions.actiongrant.dev in the namespace ',
    ],
    [
      'a decider who may not delegate',
      PAT,
      {},
      'spec.credential.serviceAccountToken.serviceAccountName',
      'pat may not delegate the ServiceAccount ',
    ],
    [
      'a decider who may delegate another account',
      DORA,
      { credential: aCredential('HTTP', 'edr-admin') },
      'spec.credential.serviceAccountToken.serviceAccountName',
      'resources [serviceaccounts], resourceNames [edr-admin], verbs [delegate].',
    ],
  ])('is refused from %s', async ([, who, spec, field, words]) => {
    const answer = await approvedBy(who, spec);
    expectRefusal(answer, 'actiongrant-grants', field);
    expect(JSON.stringify(answer.body)).toContain(JSON.stringify(words).slice(1, -1));
  });

  test('is refused where the decider is none', async () => {
    const grant = aNewGrant({
      spec: { requester: { username: 'dora' }, approvedByRequester: true },
    });
    const path = grantsPath().replace(namespace, elsewhere);
    const as = await plane.kubeconfigFor({ user: 'dora', groups: ['deciders'] });
    await plane.api('POST', `${RBAC}/namespaces/${elsewhere}/rolebindings`, {
      metadata: { name: 'dora' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'actiongrant-requester',
      },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'dora' }],
    });
    await untilAllowed(plane, { user: 'dora' }, ['create actiongrants.actiongrant.dev'], elsewhere);
    const refused = await plane.request('POST', path, grant, { as });
    expectRefusal(refused, 'actiongrant-grants', 'spec.approvedByRequester');
  });

  test('is refused in words that kubectl prints', async () => {
    const spec = { requester: { username: 'ruth' }, approvedByRequester: true };
    const { code, stderr } = await plane.kubectl(['create', '-n', namespace, '-f', '-'], {
      as: await plane.kubeconfigFor(RUTH),
      input: JSON.stringify(aNewGrant({ spec })),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/ denied request: spec\.approvedByRequester: ruth may not create /);
  });

  test('is refused from our own controller, whatever RBAC says', async () => {
    const user = { user: chart.controllerUsername, groups: ['system:masters'] };
    expectRefusal(await approvedBy(user), 'actiongrant-grants', 'spec.approvedByRequester');
    expect((await approvedBy(user, { approvedByRequester: false })).status).toBe(201);
  });

  test.for(TRACKING_MARKS)('is refused with the mark of $tool: $on $key', async (mark) => {
    const name = mark.key.endsWith('/') ? `${mark.key}tracking-id` : mark.key;
    const metadata = { [mark.on]: { other: 'x', [name]: mark.value ?? 'soc' } };
    const refused = await approvedBy(DORA, {}, metadata);
    expectRefusal(refused, 'actiongrant-grants', `metadata.${mark.on}[${name}]`);
    expect(JSON.stringify(refused.body)).toContain(`${mark.tool} marks with this`);
    expect((await approvedBy(DORA, { approvedByRequester: false }, metadata)).status).toBe(201);
    if (mark.value === undefined) return;
    const others = { [mark.on]: { [name]: 'kubectl' } };
    expect((await approvedBy(DORA, {}, others)).status).toBe(201);
  });

  test.for([
    API_AUDIENCE,
    API_AUDIENCE.toUpperCase().replace('HTTPS', 'https'),
    `${API_AUDIENCE}/`,
    API_AUDIENCE.replace('https://', ''),
  ])(
    "a credential for the API server's own audience is refused to everybody: %s",
    async (audience) => {
      const account = { serviceAccountName: 'edr-quarantine', audience };
      const credential = { type: 'ServiceAccountToken', serviceAccountToken: account } as const;
      const refused = await approvedBy(DORA, { approvedByRequester: false, credential });
      expect(refused).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
      expect(JSON.stringify(refused.body)).toContain(
        "denied request: spec.credential.serviceAccountToken.audience: is the API server's own audience",
      );
    },
  );
});

describe('deletions', () => {
  const WISHES = [
    ['propagationPolicy Orphan', { propagationPolicy: 'Orphan' }],
    ['orphanDependents', { orphanDependents: true }],
  ] as const;

  test.for(WISHES)('of a grant refuse %s', async ([, options]) => {
    const { metadata } = await aStoredGrant();
    const refused = await plane.request('DELETE', `${grantsPath()}/${metadata.name}`, options);
    expectRefusal(refused, 'actiongrant-deletions', 'propagationPolicy');
  });

  test.for(WISHES)('of all grants refuse %s', async ([, options]) => {
    const { metadata } = await aStoredGrant();
    const refused = await plane.request('DELETE', grantsPath(), options);
    expectRefusal(refused, 'actiongrant-deletions', 'propagationPolicy');
    const path = `${grantsPath()}/${metadata.name}`;
    expect((await plane.request('GET', path)).body.metadata['deletionTimestamp']).toBeUndefined();
  });

  test('of a grant refuse an orphaning query parameter', async () => {
    const { metadata } = await aStoredGrant();
    const path = `${grantsPath()}/${metadata.name}?propagationPolicy=Orphan`;
    expectRefusal(
      await plane.request('DELETE', path),
      'actiongrant-deletions',
      'propagationPolicy',
    );
  });

  test.for([undefined, { propagationPolicy: 'Background' }, { propagationPolicy: 'Foreground' }])(
    'of a grant allow %j',
    async (options) => {
      const { metadata } = await aStoredGrant();
      const answer = await plane.request('DELETE', `${grantsPath()}/${metadata.name}`, options);
      expect(answer.status).toBe(200);
    },
  );

  test.for(['Orphan', 'Foreground'])('of a bound Secret refuse %s', async (propagationPolicy) => {
    const as = chart.controllerKubeconfig;
    const { metadata } = await plane.api('POST', secretsPath(), aBoundSecret(), { as });
    const path = `${secretsPath()}/${metadata.name}`;
    const refused = await plane.request('DELETE', path, { propagationPolicy });
    expectRefusal(refused, 'actiongrant-secret-deletions', 'propagationPolicy');
    const collection = await plane.request('DELETE', secretsPath(), { propagationPolicy });
    expectRefusal(collection, 'actiongrant-secret-deletions', 'propagationPolicy');
    expect((await plane.request('DELETE', path, {}, { as })).status).toBe(200);
  });

  test('of a Secret that is not bound are refused to the controller', async () => {
    const { metadata } = await plane.api('POST', secretsPath(), { metadata: { name: 'theirs' } });
    const refused = await plane.request('DELETE', `${secretsPath()}/${metadata.name}`, undefined, {
      as: chart.controllerKubeconfig,
    });
    expectRefusal(refused, 'actiongrant-secret-deletions', 'type');
  });

  test("of another Secret are nobody else's business", async () => {
    const { metadata } = await plane.api('POST', secretsPath(), { metadata: { name: 'other' } });
    const path = `${secretsPath()}/${metadata.name}`;
    const answer = await plane.request('DELETE', path, { propagationPolicy: 'Foreground' });
    expect(answer.status).toBe(200);
  });
});

describe('secrets', () => {
  test('let the controller create an empty bound Secret of a grant', async () => {
    const as = chart.controllerKubeconfig;
    expect((await plane.request('POST', secretsPath(), aBoundSecret(), { as })).status).toBe(201);
  });

  test('of the bound type are refused from anybody else', async () => {
    const refused = await plane.request('POST', secretsPath(), aBoundSecret());
    expectRefusal(refused, 'actiongrant-secrets', 'type');
  });

  const bound = aBoundSecret();
  test.for([
    ['data', { ...bound, data: { token: 'YQ==' } }],
    ['data', { ...bound, stringData: { token: 'a' } }],
    [
      'metadata.finalizers',
      { ...bound, metadata: { ...bound.metadata, finalizers: ['example.com/keep'] } },
    ],
    ['metadata.ownerReferences', { ...bound, metadata: { name: bound.metadata.name } }],
    [
      'metadata.ownerReferences',
      {
        ...bound,
        metadata: {
          ...bound.metadata,
          ownerReferences: [{ ...owner(randomUUID()), kind: 'Pod', apiVersion: 'v1' }],
        },
      },
    ],
    [
      'metadata.ownerReferences',
      { ...bound, metadata: { ...bound.metadata, name: 'ag-of-another-grant' } },
    ],
    ['type', { metadata: { name: 'planted' }, type: 'Opaque', data: { token: 'YQ==' } }],
    [
      'type',
      {
        metadata: {
          name: 'planted',
          annotations: { 'kubernetes.io/service-account.name': 'default' },
        },
        type: 'kubernetes.io/service-account-token',
      },
    ],
    ['type', { metadata: { name: 'actiongrant-ca' }, type: 'Opaque' }],
  ] as const)('refuse the controller a wrong one: %s, %j', async ([field, secret]) => {
    const as = chart.controllerKubeconfig;
    const refused = await plane.request('POST', secretsPath(), secret, { as });
    expectRefusal(refused, 'actiongrant-secrets', field);
  });

  test('let the controller keep its authority in its own namespace, and nothing else there', async () => {
    const as = chart.controllerKubeconfig;
    const path = `/api/v1/namespaces/${chart.namespace}/secrets`;
    const create = (name: string) =>
      plane.request('POST', path, { metadata: { name }, data: { 'tls.crt': 'YQ==' } }, { as });
    expectRefusal(await create('other'), 'actiongrant-secrets', 'type');
    expect((await create('actiongrant-ca')).status).toBe(201);
    await plane.api('DELETE', `${path}/actiongrant-ca`);
  });

  test('that are bound are changed by nobody, and emptied of finalizers by collectors', async () => {
    const created = await plane.api('POST', secretsPath(), aBoundSecret(), {
      as: chart.controllerKubeconfig,
    });
    const path = `${secretsPath()}/${created.metadata.name}`;
    const put = async (user: string, change: object) =>
      plane.request('PUT', path, { ...created, ...change }, { as: await mighty(user) });
    const finalizers = { metadata: { ...created.metadata, finalizers: ['example.com/keep'] } };
    const labels = { metadata: { ...created.metadata, labels: { team: 'soc' } } };
    const data = { data: { token: 'YQ==' } };
    expectRefusal(await put(JANE, labels), 'actiongrant-secrets', 'type');
    expectRefusal(await put(chart.controllerUsername, data), 'actiongrant-secrets', 'type');
    for (const collector of COLLECTORS) {
      expectRefusal(await put(collector, data), 'actiongrant-secrets', 'data');
      expectRefusal(await put(collector, finalizers), 'actiongrant-secrets', 'metadata.finalizers');
    }
  });

  test("of other types are nobody else's business", async () => {
    const secret = {
      metadata: { name: 'mine', finalizers: ['example.com/keep'] },
      data: { a: 'YQ==' },
    };
    expect((await plane.request('POST', secretsPath(), secret)).status).toBe(201);
  });
});

describe('mints', () => {
  const boundObjectRef = {
    apiVersion: 'v1',
    kind: 'Secret',
    name: 'ag-none-0',
    uid: randomUUID() as string,
  };
  const spec = { audiences: ['https://edr.example.com'], expirationSeconds: 600, boundObjectRef };

  test.for([
    ['a credential for a service', {}],
    ['a credential for the API server', { audiences: ['https://kubernetes.default.svc'] }],
    ['a credential for the API server by default', { audiences: [] }],
  ] as const)('let the controller mint %s', async ([, change]) => {
    const as = chart.controllerKubeconfig;
    const secret = await plane.api('POST', secretsPath(), aBoundSecret(), { as });
    const { name, uid } = secret.metadata;
    const request = {
      spec: { ...spec, ...change, boundObjectRef: { ...boundObjectRef, name, uid } },
    };
    expect(await plane.request('POST', tokenPath(), request, { as })).toMatchObject({
      status: 201,
    });
  });

  test.for([
    ['spec.boundObjectRef', { boundObjectRef: undefined }],
    ['spec.boundObjectRef', { boundObjectRef: { ...boundObjectRef, uid: '' } }],
    ['spec.boundObjectRef', { boundObjectRef: { ...boundObjectRef, kind: 'Pod' } }],
    ['spec.boundObjectRef', { boundObjectRef: { ...boundObjectRef, name: 'some-secret' } }],
    ['spec.expirationSeconds', { expirationSeconds: 601 }],
    ['spec.expirationSeconds', { expirationSeconds: undefined }],
    ['spec.audiences', { audiences: ['https://edr.example.com', 'https://other.example.com'] }],
  ] as const)('refuse the controller a wrong %s: %j', async ([field, change]) => {
    const request = { spec: { ...spec, ...change } };
    const existing = await plane.api('POST', secretsPath(), {
      metadata: { generateName: 'some-' },
    });
    const as = chart.controllerKubeconfig;
    // The bound object is looked up before admission runs, so it must be there.
    const { name, uid } = existing.metadata;
    if (request.spec.boundObjectRef?.name === 'some-secret') {
      request.spec.boundObjectRef = { ...boundObjectRef, name, uid };
    }
    expectRefusal(
      await plane.request('POST', tokenPath(), request, { as }),
      'actiongrant-mints',
      field,
    );
  });

  test.for(['kube-system', 'actiongrant-system'])(
    'refuse the controller every account in %s, whatever RBAC says',
    async (where) => {
      await plane.request('POST', `/api/v1/namespaces/${where}/serviceaccounts`, {
        metadata: { name: 'edr-quarantine' },
      });
      const refused = await plane.request(
        'POST',
        tokenPath('edr-quarantine', where),
        { spec },
        { as: await asController() },
      );
      expectRefusal(refused, 'actiongrant-mints', 'namespace');
    },
  );

  test('of everybody else are their own business', async () => {
    const request = { spec: { audiences: ['a', 'b'], expirationSeconds: 7200 } };
    expect((await plane.request('POST', tokenPath(), request)).status).toBe(201);
  });
});

describe('audience', () => {
  test("lets the kubelet mint the sidecar's token", async () => {
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: 'incident-agent' });
    expect(pod.token).not.toBe('');
  });

  test('does not look at other tokens of the kubelet', async () => {
    const audience = 'https://kubernetes.default.svc';
    const pod = await issuePodToken(plane, {
      namespace,
      serviceAccountName: 'incident-agent',
      audience,
    });
    expect(pod.token).not.toBe('');
  });

  test.for([
    [['actiongrant.dev']],
    [['https://kubernetes.default.svc', 'actiongrant.dev']],
    [['ActionGrant.dev']],
    [[' actiongrant.dev ']],
    [['actiongrant.dev\n']],
  ])('refuses everybody else %j', async ([audiences]) => {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'agent', uid: randomUUID() };
    for (const as of [
      plane.adminKubeconfig,
      await mighty('system:node:a'),
      await mighty(JANE, ['system:nodes']),
    ]) {
      const refused = await plane.request('POST', tokenPath(), { spec: { audiences } }, { as });
      expectRefusal(refused, 'actiongrant-audience', 'spec.audiences');
    }
    const refused = await plane.request('POST', tokenPath(), {
      spec: { audiences, boundObjectRef },
    });
    expect(refused.status).toBeGreaterThanOrEqual(403);
  });

  test('refuses the controller, which is no sidecar', async () => {
    const refused = await plane.request(
      'POST',
      tokenPath(),
      { spec: { audiences: ['actiongrant.dev'], expirationSeconds: 600 } },
      { as: chart.controllerKubeconfig },
    );
    expect(refused.status).toBe(403);
  });

  test.for([
    ['without a pod', ['actiongrant.dev']],
    ['together with another audience', ['actiongrant.dev', 'https://elsewhere.example']],
  ] as const)('refuses a kubelet a token %s', async ([, audiences]) => {
    // NodeRestriction refuses this as well; a user in its groups only is not known to it as a node.
    const as = await mighty('system:node:a', ['system:nodes']);
    const refused = await plane.request('POST', tokenPath(), { spec: { audiences } }, { as });
    expect(refused.status).toBe(403);
  });
});

describe('webhooks', () => {
  const webhook = (name: string) => ({
    name: `${name}.example.com`,
    admissionReviewVersions: ['v1'],
    clientConfig: { url: `https://127.0.0.1:9/${name}` },
    rules: [
      {
        apiGroups: ['example.com'],
        apiVersions: ['v1'],
        resources: ['examples'],
        operations: ['CREATE'],
      },
    ],
    sideEffects: 'None',
  });
  const KINDS = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const;
  const path = (kind: string) => `/apis/admissionregistration.k8s.io/v1/${kind}`;
  const patch = (kind: string, body: object) =>
    plane.request('PATCH', `${path(kind)}/actiongrant`, body, {
      as: chart.controllerKubeconfig,
      contentType: 'application/json-patch+json',
    });
  const SECRETS = {
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: ['secrets'],
    operations: ['CREATE'],
  };

  beforeAll(async () => {
    for (const kind of KINDS) {
      await plane.api('POST', path(kind), {
        metadata: { name: 'actiongrant' },
        webhooks: [webhook('one'), webhook('two')],
      });
    }
  });

  test.for(KINDS)('%s: let the controller write the caBundle', async (kind) => {
    const value = Buffer.from(plane.caPem).toString('base64');
    const written = await patch(kind, [
      { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value },
      { op: 'add', path: '/webhooks/1/clientConfig/caBundle', value },
    ]);
    expect(written).toMatchObject({ status: 200 });
  });

  test.for([
    ['rules', { op: 'add', path: '/webhooks/0/rules/-', value: SECRETS }],
    [
      'address',
      { op: 'replace', path: '/webhooks/0/clientConfig/url', value: 'https://evil.example/' },
    ],
    [
      'selector',
      { op: 'add', path: '/webhooks/0/objectSelector', value: { matchLabels: { a: 'b' } } },
    ],
    ['failure policy', { op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
    ['number', { op: 'remove', path: '/webhooks/0' }],
    ['number, by one more', { op: 'add', path: '/webhooks/-', value: webhook('three') }],
  ] as const)('refuse the controller to change their %s', async ([, operation]) => {
    for (const kind of KINDS) {
      expectRefusal(await patch(kind, [operation]), 'actiongrant-webhooks', 'webhooks');
    }
  });

  test('of everybody else are their own business', async () => {
    const object = { metadata: { generateName: 'mine-' }, webhooks: [webhook('mine')] };
    expect((await plane.request('POST', path(KINDS[0]), object)).status).toBe(201);
  });
});
