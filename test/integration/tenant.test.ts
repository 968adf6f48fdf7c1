/**
 * A tenant with the stock ClusterRole `edit` in an agent namespace (attacker T of SECURITY.md): what that role is, where it
 * ends, and what the chart's policies refuse of what it allows. Others than the policies are asked in test/e2e/tenant.test.ts.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiOptions, ApiResponse, KubeObject } from '../support/api-client.ts';
import { aNewGrant } from '../support/builders.ts';
import type { InstalledChart } from '../support/chart.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { anInjectedPod, type Change, changed } from '../support/injected-pod.ts';
import { resourceAttributes, untilAllowed } from '../support/rbac.ts';
import { sharePolicies } from '../support/shared.ts';

/** What the aggregating controller of a whole cluster would put into `edit`: the last is the chart's. */
const EDIT = ['system:aggregate-to-edit', 'system:aggregate-to-view', 'actiongrant-viewer'];
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

let plane: ControlPlane;
let chart: InstalledChart;
let namespace: string;
let tenant: string;

beforeAll(async () => {
  ({ plane, chart, namespace } = await sharePolicies('injected'));
  for (const name of ['default', 'incident-agent', 'edr-quarantine']) {
    await plane.api('POST', `${here()}/serviceaccounts`, { metadata: { name } });
  }
  for (const role of EDIT) {
    await plane.api('POST', `${RBAC}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: role.replaceAll(':', '-') },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'tenant' }],
    });
  }
  tenant = await plane.kubeconfigFor({ user: 'tenant' });
  const oneOfEach = ['create pods', 'get pods', 'get actiongrants.actiongrant.dev'];
  await untilAllowed(plane, { user: 'tenant' }, oneOfEach, namespace);
});
afterAll(() => plane?.disconnect());

const here = () => `/api/v1/namespaces/${namespace}`;
const grants = () => `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
const account = (name = 'incident-agent') => `system:serviceaccount:${namespace}:${name}`;

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const asTenant = (method: Method, path: string, body?: unknown, options: ApiOptions = {}) =>
  plane.request(method, path, body, { as: tenant, ...options });
const MERGE = { contentType: 'application/merge-patch+json' };

/** Whether the policy refused it, and not RBAC before. */
function expectPolicy({ status, body }: ApiResponse<unknown>, policy: string): void {
  const { message = '' } = body as { message?: string };
  expect({ status, message }).toEqual({
    status: 403,
    message: expect.stringContaining(`ValidatingAdmissionPolicy '${policy}'`),
  });
}

describe('the role', () => {
  /** In the namespace, or in another one after `@`. */
  async function may(right: string, as = tenant): Promise<boolean> {
    const [asked = '', where = namespace] = right.split(' @ ');
    const { status } = await plane.api<KubeObject & { status: { allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      {
        spec: {
          resourceAttributes: resourceAttributes(asked, where === 'cluster' ? undefined : where),
        },
      },
      { as },
    );
    return status.allowed;
  }

  // Otherwise the tests below would prove nothing.
  test.for([
    ...['create', 'patch', 'update', 'delete', 'deletecollection'].flatMap((verb) => [
      `${verb} pods`,
      `${verb} secrets`,
      `${verb} configmaps`,
      `${verb} services`,
      `${verb} serviceaccounts`,
      `${verb} networkpolicies.networking.k8s.io`,
      `${verb} deployments.apps`,
      `${verb} cronjobs.batch`,
    ]),
    'get secrets',
    'create pods/exec',
    'get pods/attach',
    'create pods/portforward',
    'create pods/proxy',
    'create pods/eviction',
    'create serviceaccounts/token edr-quarantine',
    'impersonate serviceaccounts incident-agent',
    'create events',
    'get actiongrants.actiongrant.dev',
  ])('has the right to %s', async (right) => {
    expect(await may(right)).toBe(true);
  });

  test.for([
    // The label, and what is kept in its namespace's limits.
    'patch namespaces',
    'update namespaces',
    'create limitranges',
    'create resourcequotas',
    // What the exchange believes of a pod.
    'patch pods/status',
    'create pods/binding',
    'patch pods/ephemeralcontainers',
    'patch pods/resize',
    'update nodes/status @ cluster',
    // Who checks.
    ...['create', 'patch', 'delete'].flatMap((verb) => [
      `${verb} mutatingwebhookconfigurations.admissionregistration.k8s.io @ cluster`,
      `${verb} validatingadmissionpolicies.admissionregistration.k8s.io @ cluster`,
      `${verb} validatingadmissionpolicybindings.admissionregistration.k8s.io @ cluster`,
      `${verb} customresourcedefinitions.apiextensions.k8s.io @ cluster`,
      `${verb} rolebindings.rbac.authorization.k8s.io`,
      `${verb} roles.rbac.authorization.k8s.io`,
    ]),
    // Grants, their records, and who decides.
    ...['create', 'update', 'patch', 'delete', 'deletecollection'].map(
      (verb) => `${verb} actiongrants.actiongrant.dev`,
    ),
    'patch actiongrants/status.actiongrant.dev',
    'create actiondecisions.actiongrant.dev',
    'delegate serviceaccounts edr-quarantine',
    // Others than the accounts of its own namespace.
    'impersonate users @ cluster',
    'impersonate groups @ cluster',
    'impersonate uids.authentication.k8s.io @ cluster',
    'impersonate userextras/authentication.kubernetes.io/pod-uid.authentication.k8s.io @ cluster',
    'impersonate serviceaccounts actiongrant-controller @ actiongrant-system',
    'impersonate serviceaccounts generic-garbage-collector @ kube-system',
    'get secrets actiongrant-ca @ actiongrant-system',
    'patch services actiongrant-controller @ actiongrant-system',
    'create pods/exec @ actiongrant-system',
    'create certificatesigningrequests.certificates.k8s.io @ cluster',
    'get nodes/proxy @ cluster',
  ])('ends before the right to %s', async (right) => {
    expect(await may(right)).toBe(false);
    expect(await may(right, plane.adminKubeconfig)).toBe(true);
  });

  test.for([
    [
      'the controller',
      { 'impersonate-user': `system:serviceaccount:actiongrant-system:actiongrant-controller` },
    ],
    [
      'a kubelet',
      { 'impersonate-user': 'system:node:node-1', 'impersonate-group': 'system:nodes' },
    ],
    [
      'its own account among the nodes',
      { 'impersonate-user': 'ACCOUNT', 'impersonate-group': 'system:nodes' },
    ],
    [
      'its own account as a pod',
      {
        'impersonate-user': 'ACCOUNT',
        'impersonate-extra-authentication.kubernetes.io%2Fpod-uid': 'x',
      },
    ],
  ] as const)('does not let it be %s', async ([, given]) => {
    const headers = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value.replace('ACCOUNT', account())]),
    );
    const { status, body } = await asTenant('GET', `${here()}/pods`, undefined, { headers });
    expect({ status, body }).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect((body as { message?: string }).message).toContain('cannot impersonate');
  });

  test('lets it be an account of the namespace, which has no rights of its own', async () => {
    const headers = { 'impersonate-user': account() };
    const answer = await asTenant('GET', `${here()}/pods`, undefined, { headers });
    expect((answer.body as { message?: string }).message).toContain(`User "${account()}"`);
  });
});

describe("P1 the sidecar's identity", () => {
  const token = (body: object, name = 'incident-agent', options: ApiOptions = {}) =>
    asTenant('POST', `${here()}/serviceaccounts/${name}/token`, { spec: body }, options);

  test.for([
    ['alone', ['actiongrant.dev']],
    ['beside another', ['https://edr.example.com', 'actiongrant.dev']],
    ['in capitals', ['ActionGrant.dev']],
    ['with a space', [' actiongrant.dev']],
  ] as const)(
    'has no token for our audience %s, bound to a live pod or not',
    async ([, audiences]) => {
      const pod = await plane.api(
        'POST',
        `${here()}/pods`,
        changed(anInjectedPod(''), [
          { op: 'remove', path: '/metadata/name' },
          { op: 'add', path: '/metadata/generateName', value: 'agent-' },
        ]),
      );
      const { name, uid } = pod.metadata;
      const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid };
      for (const spec of [{ audiences }, { audiences, boundObjectRef }]) {
        expectPolicy(await token(spec, 'default'), 'actiongrant-audience');
      }
      const other = await token({ audiences: ['vault'], boundObjectRef }, 'default');
      expect(other.status).toBe(201);
    },
  );

  test('has none for an account that the tenant is, where that account may ask for itself', async () => {
    await plane.api('POST', `${RBAC}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: 'asks-for-itself' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:aggregate-to-edit',
      },
      subjects: [{ kind: 'ServiceAccount', name: 'incident-agent', namespace }],
    });
    const itself = 'create serviceaccounts/token incident-agent';
    await untilAllowed(plane, { user: account() }, [itself], namespace);
    const headers = { 'impersonate-user': account() };
    const asked = (audience: string) =>
      token({ audiences: [audience] }, 'incident-agent', { headers });
    expectPolicy(await asked('actiongrant.dev'), 'actiongrant-audience');
    expect((await asked('vault')).status).toBe(201);
  });

  const add = (path: string, value: unknown): Change => ({ op: 'add', path, value });
  test.for<readonly [string, ...Change[]]>([
    ['our container with another image', { ...add('/spec/initContainers/1/image', 'evil') }],
    [
      'a container that mounts its token',
      add('/spec/containers/0/volumeMounts/-', { name: 'actiongrant-token', mountPath: '/mine' }),
    ],
    [
      'a token for our audience of its own',
      add('/spec/volumes/-', {
        name: 'mine',
        projected: {
          sources: [{ serviceAccountToken: { path: 'token', audience: 'actiongrant.dev' } }],
        },
      }),
    ],
    [
      'settings of its own',
      { op: 'replace', path: '/spec/volumes/1/configMap/name', value: 'mine' },
    ],
    [
      'no restriction (P16)',
      add('/spec/containers/0/securityContext/privileged', true),
      add('/spec/containers/0/securityContext/allowPrivilegeEscalation', true),
    ],
  ])('is not in a copy of an injected pod with %s', async ([, ...changes]) => {
    const create = (pod: object) => asTenant('POST', `${here()}/pods?dryRun=All`, pod);
    expect(await create(anInjectedPod('copy'))).toMatchObject({ status: 201 });
    expectPolicy(await create(changed(anInjectedPod('copy'), changes)), 'actiongrant-pods');
  });

  test('is neither entered nor reached in a pod that runs', async () => {
    await plane.api('POST', `${here()}/pods`, anInjectedPod('running'));
    const connect = (path: string) => asTenant('POST', `${here()}/pods/running/${path}`);
    for (const verb of ['exec?command=id&stdout=true', 'attach?stdout=true']) {
      expectPolicy(await connect(`${verb}&container=actiongrant`), 'actiongrant-exec');
      const agent = await connect(`${verb}&container=agent`);
      expect(JSON.stringify(agent.body)).toContain('does not have a host assigned');
    }
    expectPolicy(await connect('portforward?ports=15001'), 'actiongrant-exec');
  });

  test.for<readonly [string, Method, string, unknown?]>([
    ['delete', 'DELETE', '/actiongrant-sidecar'],
    ['delete among all', 'DELETE', ''],
    ['change', 'PATCH', '/actiongrant-sidecar', { data: { 'controller-ca.crt': 'evil' } }],
    ['freeze', 'PATCH', '/actiongrant-sidecar', { immutable: true }],
  ])('does not take settings that the tenant could %s', async ([, method, name, body]) => {
    const path = `${here()}/configmaps`;
    await plane.request(
      'POST',
      path,
      { metadata: { name: 'actiongrant-sidecar' }, data: {} },
      { as: chart.controllerKubeconfig },
    );
    expectPolicy(await asTenant(method, `${path}${name}`, body, MERGE), 'actiongrant-settings');
    expect((await asTenant('POST', path, { metadata: { generateName: 'mine-' } })).status).toBe(
      201,
    );
  });
});

describe('P2 P3 a bound Secret', () => {
  const uid = '11111111-1111-4111-8111-111111111111';
  const ownerReferences = [
    { apiVersion: 'actiongrant.dev/v1alpha1', kind: 'ActionGrant', name: 'grant', uid },
  ];
  let count = 0;
  const aSecret = () => ({
    metadata: { name: `ag-${uid}-0-${++count}`, ownerReferences },
    type: 'actiongrant.dev/bound',
  });
  const path = () => `${here()}/secrets`;
  const controllerMakes = (secret: object) =>
    plane.request('POST', path(), secret, { as: chart.controllerKubeconfig });

  test('is not made by the tenant', async () => {
    expectPolicy(await asTenant('POST', path(), aSecret()), 'actiongrant-secrets');
  });

  test.for<readonly [string, object]>([
    ['kept by a finalizer', { metadata: { finalizers: ['example.com/keep'] } }],
    ['given to another owner', { metadata: { ownerReferences: [] } }],
    ['frozen', { immutable: true }],
    ['filled', { data: { token: 'YQ==' } }],
    ['labelled', { metadata: { labels: { a: 'b' } } }],
  ])('is not %s by the tenant', async ([, change]) => {
    const secret = aSecret();
    expect((await controllerMakes(secret)).status).toBe(201);
    const changes = await asTenant('PATCH', `${path()}/${secret.metadata.name}`, change, MERGE);
    expectPolicy(changes, 'actiongrant-secrets');
  });

  test('is deleted at once by the tenant, which revokes, or not at all', async () => {
    const secret = aSecret();
    await controllerMakes(secret);
    const object = `${path()}/${secret.metadata.name}`;
    for (const propagationPolicy of ['Foreground', 'Orphan']) {
      for (const at of [object, path()]) {
        const refused = await asTenant('DELETE', at, { propagationPolicy });
        expectPolicy(refused, 'actiongrant-secret-deletions');
      }
    }
    expect((await asTenant('DELETE', object, { gracePeriodSeconds: 3600 })).status).toBe(200);
    expect((await asTenant('GET', object)).status).toBe(404);
  });

  test('is not awaited by a Secret that the tenant puts in its place', async () => {
    const secret = aSecret();
    const planted = { metadata: { name: secret.metadata.name }, data: { token: 'YQ==' } };
    expect((await asTenant('POST', path(), planted)).status).toBe(201);
    const answer = await controllerMakes(secret);
    expect(answer).toMatchObject({ status: 409, body: { reason: 'AlreadyExists' } });
  });
});

describe('P6 P7 a grant', () => {
  test('is read by the tenant; it is neither made, changed, decided nor erased', async () => {
    const jane = await plane.kubeconfigFor({ user: 'jane', groups: ['system:masters'] });
    const written = aNewGrant({ spec: { requester: { username: 'jane' } } });
    const grant = await plane.api('POST', grants(), written, { as: jane });
    const path = `${grants()}/${grant.metadata.name}`;
    expect((await asTenant('GET', path)).status).toBe(200);
    const headers = { 'impersonate-user': account() };
    for (const options of [{}, { headers }]) {
      const approval = aNewGrant({ spec: { approvedByRequester: true } });
      for (const refused of [
        await asTenant('POST', grants(), approval, options),
        await asTenant(
          'PATCH',
          path,
          { metadata: { labels: { a: 'b' } } },
          { ...MERGE, ...options },
        ),
        await asTenant('PATCH', `${path}/status`, { status: {} }, { ...MERGE, ...options }),
        await asTenant('DELETE', path, {}, options),
        await asTenant('DELETE', grants(), {}, options),
      ]) {
        expect(refused).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
      }
    }
    expect((await plane.request('GET', path)).body.metadata.uid).toBe(grant.metadata.uid);
  });
});
