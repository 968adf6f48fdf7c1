/**
 * A tenant with the stock ClusterRole `edit` in an agent namespace, on a real node: what only a kubelet, the aggregated role
 * and the controllers of a whole cluster can show. The rest is in test/integration/tenant.test.ts.
 */

import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  INIT_CONTAINER_NAME,
  SIDECAR_CONTAINER_NAME,
  SIDECAR_PATHS,
  SIDECAR_PORTS,
} from '../../core/api/pod-layout.ts';
import { USES_PATH } from '../../core/wire/paths.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { aUseRequest } from '../support/exchange.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import { type AgentPod, startAgentPod } from '../support/node/agent-pod.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { ensureInstalled, RELEASE_NAMESPACE } from '../support/node/release.ts';

/** What the controller-manager, kube-proxy and CoreDNS do next. */
const CONTROLLERS = { withinMilliseconds: 20_000, everyMilliseconds: 100 };
const HTTP_SERVER = ['python3', '-m', 'http.server', '8080'];
const REACHABLE = {
  ports: [{ containerPort: 8080 }],
  readinessProbe: { tcpSocket: { port: 8080 } },
};

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let plain: string;
let tenant: string;
let agent: AgentPod;
let outside: AgentPod;

beforeAll(async () => {
  await ensureInstalled(cluster);
  agents = await useAgentNamespace(cluster);
  plain = await cluster.createNamespace('outside');
  await cluster.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'tenant', namespace: agents.name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'tenant' }],
  });
  tenant = await cluster.kubeconfigFor({ user: 'tenant' });
  [agent, outside] = await Promise.all([
    startAgentPod(cluster, {
      namespace: agents.name,
      name: 'agent',
      labels: { app: 'agent' },
      command: HTTP_SERVER,
      ...REACHABLE,
    }),
    startAgentPod(cluster, { namespace: plain, name: 'outside' }),
  ]);
}, 180_000);

afterAll(async () => {
  if (agents !== undefined) {
    const own = ['rolebinding/tenant', 'secret/long-lived', 'service/kubernetes'];
    await cluster.kubectl(['delete', '--ignore-not-found', `--namespace=${agents.name}`, ...own]);
    await agents.release();
  }
  if (plain !== undefined) await cluster.api('DELETE', `/api/v1/namespaces/${plain}`);
  await cluster.disconnect();
});

/** As the tenant, in the agent's namespace. */
const kubectl = (...args: string[]) =>
  cluster.kubectl([`--namespace=${agents.name}`, ...args], { as: tenant });
const here = () => `/api/v1/namespaces/${agents.name}`;
const asTenant = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) =>
  cluster.request(method, `${here()}${path}`, body, { as: tenant });

describe('an opt-out, as other products have it', () => {
  const INJECT = 'actiongrant.dev/inject';
  const own = (name: string, labels: object, annotations: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels, annotations },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'agent', image: cluster.agentImage, imagePullPolicy: 'Never' }],
    },
  });
  const injected = [INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME];
  const initNames = ({ body }: { body: unknown }) =>
    (body as { spec: { initContainers?: { name: string }[] } }).spec.initContainers?.map(
      ({ name }) => name,
    );

  it.each<[string, object, object]>([
    ['our label says disabled', { [INJECT]: 'disabled' }, {}],
    ['our label says false', { [INJECT]: 'false' }, {}],
    ['our annotation says false', {}, { [INJECT]: 'false' }],
    ["Istio's label says false", { 'sidecar.istio.io/inject': 'false' }, {}],
    ["Istio's annotation says false", {}, { 'sidecar.istio.io/inject': 'false' }],
    ["Linkerd's annotation says disabled", {}, { 'linkerd.io/inject': 'disabled' }],
    [
      'labels say that it is of a release',
      { 'app.kubernetes.io/name': 'actiongrant', 'app.kubernetes.io/component': 'controller' },
      {},
    ],
    [
      'annotations say that it was injected, or applied as it is',
      {},
      {
        'actiongrant.dev/injected': 'true',
        'sidecar.istio.io/status': '{}',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
      },
    ],
  ])('does nothing: %s', async (_, labels, annotations) => {
    const pod = own('opted-out', labels, annotations);
    const created = await asTenant('POST', '/pods?dryRun=All', pod);
    expect(created.status, JSON.stringify(created.body)).toBe(201);
    expect(initNames(created)).toEqual(injected);
    // It is the namespace that decides.
    const elsewhere = `/api/v1/namespaces/${plain}/pods?dryRun=All`;
    expect(initNames(await cluster.request('POST', elsewhere, pod))).toBeUndefined();
  });

  it('is not to be had for the whole namespace either', async () => {
    const path = `/api/v1/namespaces/${agents.name}?dryRun=All`;
    const body = { metadata: { labels: { [INJECT]: null } } };
    const contentType = 'application/merge-patch+json';
    const refused = await cluster.request('PATCH', path, body, { as: tenant, contentType });
    expect(refused.status).toBe(403);
    expect((await cluster.request('PATCH', path, body, { contentType })).status).toBe(200);
  });
});

describe('kubectl, by a tenant', () => {
  it.each<[string, string[]]>([
    ['exec', ['exec', 'agent', `--container=CONTAINER`, '--', 'id']],
    ['cp', ['cp', `agent:/etc/hostname`, '/dev/null', '--container=CONTAINER']],
  ])('%s works in the agent and is refused in our containers', async (_, args) => {
    const into = (name: string) => kubectl(...args.map((arg) => arg.replace('CONTAINER', name)));
    const works = await into('agent');
    expect(works.code, works.stderr).toBe(0);
    for (const ours of [SIDECAR_CONTAINER_NAME, 'actiongrant-init']) {
      const refused = await into(ours);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('nobody runs commands in actiongrant-init or actiongrant');
    }
  });

  it('exec is refused where the pod says that our container is the default', async () => {
    const annotation = `kubectl.kubernetes.io/default-container=${SIDECAR_CONTAINER_NAME}`;
    expect((await kubectl('annotate', 'pod/agent', annotation)).code).toBe(0);
    const refused = await kubectl('exec', 'agent', '--', 'id');
    await kubectl('annotate', 'pod/agent', 'kubectl.kubernetes.io/default-container-');
    expect(refused.stderr).toContain('nobody runs commands in actiongrant-init or actiongrant');
  });

  it('port-forward is refused, and the proxy of the API server reaches declared ports only', async () => {
    const forwarded = await kubectl('port-forward', 'agent', '18080:8080');
    expect(forwarded.stderr).toContain('not into pods of this namespace');
    // What nobody refuses in time is dropped by the pod's packet filter.
    const proxied = (port: number, seconds: number) =>
      kubectl('get', `--raw=${here()}/pods/agent:${port}/proxy/`, `--request-timeout=${seconds}s`);
    const { explicitProxy, transparent, dns } = SIDECAR_PORTS;
    const [declared, ...ours] = await Promise.all([
      proxied(8080, 20),
      ...[explicitProxy, transparent, dns].map((port) => proxied(port, 3)),
    ]);
    expect(declared?.stdout, declared?.stderr).toContain('Directory listing');
    for (const answer of ours) {
      expect(answer.code).not.toBe(0);
      expect(answer.stderr).toMatch(/Timeout|deadline exceeded|timed out/i);
    }
  });

  it('debug makes no copy of a pod that shares processes with its sidecar or has another one', async () => {
    const copy = (name: string, ...flags: string[]) =>
      kubectl('debug', 'agent', `--copy-to=${name}`, ...flags, '--', 'sleep', 'infinity');
    const image = ['--container=agent', `--image=${cluster.agentImage}`];
    const sharing = await copy('sharing', ...image, '--share-processes');
    expect(sharing.code).not.toBe(0);
    expect(sharing.stderr).toContain('shareProcessNamespace');
    const swapped = await kubectl(
      'debug',
      'agent',
      '--copy-to=swapped',
      '--share-processes=false',
      `--set-image=*=${cluster.agentImage}`,
    );
    expect(swapped.code, swapped.stderr).toBe(0);
    const { spec } = await cluster.api<
      KubeObject & { spec: { initContainers: { name: string; image: string }[] } }
    >('GET', `${here()}/pods/swapped`);
    expect(spec.initContainers.map(({ image: used }) => used)).toEqual([
      cluster.productImage,
      cluster.productImage,
    ]);
  });

  it('delete of every ConfigMap and Secret leaves the settings of the sidecars', async () => {
    const refused = await kubectl('delete', 'configmaps', '--all', '--wait=false');
    expect(refused.stderr).toContain(
      "ConfigMap actiongrant-sidecar is the ActionGrant controller's",
    );
    expect((await kubectl('get', 'configmap/actiongrant-sidecar')).code).toBe(0);
  });
});

describe('the exchange, asked with', () => {
  const account = 'default';

  /** From the node, where the tenant's own pods could ask if they were anywhere else. @returns the code of the refusal */
  async function refusalOf(token: string): Promise<unknown> {
    const ca = await cluster.api<KubeObject & { data: Record<string, string> }>(
      'GET',
      `/api/v1/namespaces/${RELEASE_NAMESPACE}/configmaps/actiongrant-ca`,
    );
    const { spec } = await cluster.api<KubeObject & { spec: { clusterIP: string } }>(
      'GET',
      `/api/v1/namespaces/${RELEASE_NAMESPACE}/services/actiongrant-controller`,
    );
    const servername = `actiongrant-controller.${RELEASE_NAMESPACE}.svc`;
    const dispatcher = new Agent({ connect: { ca: ca.data['ca.crt'] ?? '', servername } });
    try {
      const { body } = await request(`https://${spec.clusterIP}${USES_PATH}`, {
        dispatcher,
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(aUseRequest()),
      });
      return ((await body.json()) as { code: string }).code;
    } finally {
      await dispatcher.destroy();
    }
  }

  it("the sidecar's own token is answered: with the others it is they that are refused", async () => {
    const { pid } = await cluster.containerProcess(agents.name, 'agent', SIDECAR_CONTAINER_NAME);
    const token = readFileSync(`/proc/${pid}/root${SIDECAR_PATHS.token}/token`, 'utf8');
    expect(await refusalOf(token)).toBe('GrantRequired');
  });

  it.each([
    ['for the API server', []],
    ['for somebody else', ['--audience=vault']],
    [
      'bound to the pod',
      ['--audience=vault', '--bound-object-kind=Pod', '--bound-object-name=agent'],
    ],
  ])('a token of the same account that the tenant made: %s', async (_, flags) => {
    const made = await kubectl('create', 'token', account, ...flags);
    expect(made.code, made.stderr).toBe(0);
    expect(await refusalOf(made.stdout.trim())).toBe('Unauthenticated');
  });

  it('the token without an end that a Secret of the tenant holds', async () => {
    const created = await asTenant('POST', '/secrets', {
      metadata: {
        name: 'long-lived',
        annotations: { 'kubernetes.io/service-account.name': account },
      },
      type: 'kubernetes.io/service-account-token',
    });
    expect(created.status).toBe(201);
    const token = await eventually(async () => {
      const { body } = await asTenant('GET', '/secrets/long-lived');
      const { data } = body as { data?: { token?: string } };
      if (data?.token === undefined) throw new Error('it has no token yet');
      return Buffer.from(data.token, 'base64').toString();
    }, CONTROLLERS);
    expect(await refusalOf(token)).toBe('Unauthenticated');
  });

  it('nothing: no token for our audience is made for the tenant', async () => {
    const bound = ['--bound-object-kind=Pod', '--bound-object-name=agent'];
    for (const more of [
      [],
      bound,
      [...bound, `--as=system:serviceaccount:${agents.name}:default`],
    ]) {
      const refused = await kubectl(
        'create',
        'token',
        account,
        '--audience=actiongrant.dev',
        ...more,
      );
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/issued to the kubelet only|cannot create resource/);
    }
  });
});

it('a Service of the tenant called kubernetes does not stand for the API server', async () => {
  const created = await asTenant('POST', '/services', {
    metadata: { name: 'kubernetes' },
    spec: { selector: { app: 'agent' }, ports: [{ port: 443, targetPort: 8080 }] },
  });
  expect(created.status).toBe(201);
  // There it is, for whoever has no sidecar.
  await eventually(async () => {
    const url = `http://kubernetes.${agents.name}.svc.cluster.local:443/`;
    const { stdout } = await outside.run(['curl', '-s', '-m3', url]);
    expect(stdout).toContain('Directory listing');
  }, CONTROLLERS);
  for (const name of ['kubernetes', 'kubernetes.default.svc']) {
    const url = `https://${name}/version`;
    const { stdout, stderr } = await agent.run(['curl', '-sS', '-m8', url]);
    expect(stdout, stderr).toContain('gitVersion');
  }
});
