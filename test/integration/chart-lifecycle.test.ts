/**
 * The chart with the real helm on a real API server, from installation to uninstallation. There is no node: the job of the
 * pre-delete hook is run here, as the account and with the environment that the chart gives it.
 */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import { untilEstablished } from '../support/apply.ts';
import { helm } from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { formerJob, playJob } from '../support/hook-job.ts';
import { anInjectedPod, type Change, changed } from '../support/injected-pod.ts';
import { type StoredGrant, type StoredGrantOptions, storeGrant } from '../support/stored-grant.ts';

const CHART = join(ROOT, 'charts/actiongrant');
const HOME = 'actiongrant-system';
const CONTROLLER = `system:serviceaccount:${HOME}:actiongrant-controller`;

let plane: OwnControlPlane;
let agents: string;

beforeAll(async () => {
  plane = await startControlPlane();
  agents = await plane.createNamespace('agents', { 'actiongrant.dev/inject': 'enabled' });
  await plane.api('POST', `/api/v1/namespaces/${agents}/serviceaccounts`, {
    metadata: { name: 'default' },
  });
});
afterAll(() => plane.stop());

const run = (...args: string[]): Promise<string> =>
  helm([...args, `--kubeconfig=${plane.adminKubeconfig}`, `--namespace=${HOME}`]);
const installOrUpgrade = (verb: 'install' | 'upgrade', image: string, ...more: string[]) =>
  run(
    verb,
    'actiongrant',
    CHART,
    `--set=rbac.agentNamespaces={${agents}}`,
    `--set=controller.image=${image}`,
    ...more,
  );
const install = () => installOrUpgrade('install', 'actiongrant:1', '--create-namespace');

const JOB = 'actiongrant-uninstall';

/** Uninstalls, running the hook's job. */
async function uninstall(): Promise<{ helm: string; job: string }> {
  const former = await formerJob(plane, HOME, JOB);
  const outcome = run('uninstall', 'actiongrant', '--timeout=30s').catch(
    (error: Error) => error.message,
  );
  const { output } = await playJob(plane, HOME, JOB, former);
  return { helm: await outcome, job: output };
}

async function label(value: string | null): Promise<void> {
  await plane.api(
    'PATCH',
    `/api/v1/namespaces/${agents}`,
    { metadata: { labels: { 'actiongrant.dev/inject': value } } },
    { contentType: 'application/merge-patch+json' },
  );
}

/** Everything of the cluster that has our name. */
async function leftovers(): Promise<string[]> {
  const kinds = [
    'deployments',
    'services',
    'serviceaccounts',
    'configmaps',
    'roles',
    'rolebindings',
    'clusterroles',
    'clusterrolebindings',
    'jobs',
    'pods',
    'poddisruptionbudgets',
    'networkpolicies',
    'secrets',
    'mutatingwebhookconfigurations',
    'validatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
  ];
  const { stdout } = await plane.kubectl(['get', kinds.join(','), '-A', '-o', 'name']);
  return stdout
    .split('\n')
    .filter((name) => name.includes('actiongrant') || name.includes('/ag-'))
    .filter((name) => !name.includes('sh.helm.release'))
    .sort();
}

/** A pod of an injected namespace as the webhook of this image makes it; nothing is stored. */
async function createWith(image: string): Promise<number> {
  const changes: Change[] = [0, 1].map((index) => ({
    op: 'replace',
    path: `/spec/initContainers/${index}/image`,
    value: image,
  }));
  const pod = changed(anInjectedPod('agent'), changes);
  return (await plane.request('POST', `/api/v1/namespaces/${agents}/pods?dryRun=All`, pod)).status;
}

/** Until the policies that helm has written are in effect, alone: nobody answers the webhook here. */
async function untilInEffect(image: string, status: number): Promise<void> {
  await plane.api(
    'DELETE',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/actiongrant',
  );
  await expect.poll(() => createWith(image), { timeout: 30_000, interval: 100 }).toBe(status);
}

// Each is several runs of helm, and of kubectl.
describe('a release', { timeout: 180_000 }, () => {
  test('is installed, and says what to do next', async () => {
    const notes = await install();
    expect(notes).toContain(`kubectl label namespace ${agents} actiongrant.dev/inject=enabled`);
    expect(notes).toContain(`Agents and grants may be in these namespaces: ${agents}`);
    expect(notes).toContain('helm test actiongrant');
    await untilInEffect('actiongrant:2', 403);
    expect(await createWith('actiongrant:1')).toBe(201);
  });

  test('takes the pods of its old replicas while it is upgraded, and of no others', async () => {
    await installOrUpgrade('upgrade', 'actiongrant:2');
    await untilInEffect('actiongrant:2', 201);
    expect(await createWith('actiongrant:1')).toBe(201);
    expect(await createWith('actiongrant:3')).toBe(403);
    await installOrUpgrade('upgrade', 'actiongrant:2');
    await untilInEffect('actiongrant:1', 403);
    expect(await createWith('actiongrant:2')).toBe(201);
  });

  test('is rolled back', async () => {
    await run('rollback', 'actiongrant', '1');
    await untilInEffect('actiongrant:1', 201);
    expect(await createWith('actiongrant:2')).toBe(403);
  });

  test('keeps what the controller wrote when it is upgraded', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/actiongrant';
    await installOrUpgrade('upgrade', 'actiongrant:1');
    const caBundle = Buffer.from(plane.caPem).toString('base64');
    await plane.api(
      'PATCH',
      path,
      [0, 1].map((index) => ({
        op: 'add',
        path: `/webhooks/${index}/clientConfig/caBundle`,
        value: caBundle,
      })),
      {
        as: await plane.kubeconfigFor({ user: CONTROLLER, groups: ['system:masters'] }),
        contentType: 'application/json-patch+json',
      },
    );
    await installOrUpgrade('upgrade', 'actiongrant:1');
    const { webhooks } = await plane.api<{ webhooks: { clientConfig: object }[] }>('GET', path);
    expect(webhooks.map(({ clientConfig }) => clientConfig)).toMatchObject([
      { caBundle },
      { caBundle },
    ]);
  });

  test('is not uninstalled while a namespace is labelled, and can be kept', async () => {
    const revision = await revisionOf();
    const grant = await aGrant('Approved');
    const before = await leftovers();
    const { helm: said, job } = await uninstall();
    expect(said).toContain('uninstall:');
    expect(job).toContain(`agents' pods are still injected in ${agents}.`);
    expect(job).toContain(`kubectl label namespace ${agents} actiongrant.dev/inject-`);
    expect(await leftovers()).toEqual([...before, 'job.batch/actiongrant-uninstall'].sort());
    expect((await plane.request('GET', grant.secret)).status).toBe(200);
    // Helm takes it for half deleted; what the job says helps.
    const upgraded = installOrUpgrade('upgrade', 'actiongrant:1');
    await expect(upgraded).rejects.toThrow('has no deployed releases');
    const restore = `helm --namespace ${HOME} rollback actiongrant ${revision}`;
    expect(job).toContain(restore);
    await run('rollback', 'actiongrant', revision);
    await installOrUpgrade('upgrade', 'actiongrant:1');
  });

  test('is uninstalled without the label, and nothing is left but the records that have ended', async () => {
    const approved = await aGrant('Approved');
    const inUse = await aGrant('InUse');
    const finished = await aGrant('Finished');
    const other = `/api/v1/namespaces/${agents}/secrets/other`;
    await plane.api('POST', `/api/v1/namespaces/${agents}/secrets`, {
      metadata: { name: 'other' },
    });
    await label(null);
    const { helm: said, job } = await uninstall();
    expect(said).toContain('release "actiongrant" uninstalled');
    // One is of the test before.
    expect(job).toBe('Grants revoked: 3.\n');
    for (const { grant, secret } of [approved, inUse]) {
      expect((await plane.request('GET', secret)).status).toBe(404);
      expect((await plane.request('GET', grant)).status).toBe(404);
    }
    expect((await plane.request('GET', finished.grant)).status).toBe(200);
    expect((await plane.request('GET', other)).status).toBe(200);
    const kept = finished.secret.split('/').pop();
    expect(await leftovers()).toEqual([`secret/${kept}`]);
    const crd = await plane.kubectl(['get', 'crd', 'actiongrants.actiongrant.dev', '-o', 'name']);
    expect(crd.code).toBe(0);
  });

  test('finds the records again when it is installed again', async () => {
    await label('enabled');
    await install();
    const { stdout } = await plane.kubectl(['get', 'actiongrants', '-A', '-o', 'name']);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  test('is uninstalled by force with a namespace that is labelled', async () => {
    const forced = await plane.kubectl([
      'annotate',
      `--namespace=${HOME}`,
      'deployment/actiongrant-controller',
      'actiongrant.dev/force-uninstall=true',
    ]);
    expect(forced.code).toBe(0);
    const { helm: said, job } = await uninstall();
    expect(said).toContain('release "actiongrant" uninstalled');
    expect(job).toContain(`although these namespaces are labelled: ${agents}.`);
    expect((await leftovers()).filter((name) => !name.startsWith('secret/'))).toEqual([]);
  });

  test('is not uninstalled while a grant is live that cannot be revoked, and the others are revoked', async () => {
    await label(null);
    await install();
    const elsewhere = await plane.createNamespace('no-agents');
    const stuck = await aGrant('Approved', elsewhere);
    const live = await aGrant('Approved');
    const { job } = await uninstall();
    expect(job).toContain(`could not be revoked:\n  ${elsewhere}/`);
    expect((await plane.request('GET', live.secret)).status).toBe(404);
    expect((await plane.request('GET', live.grant)).status).toBe(404);
    await plane.api('DELETE', stuck.grant);
    await plane.api('DELETE', stuck.secret);
    const { helm: said } = await uninstall();
    expect(said).toContain('release "actiongrant" uninstalled');
  });

  test('is uninstalled without its hook where no pod can run', async () => {
    await install();
    const said = await run('uninstall', 'actiongrant', '--no-hooks');
    expect(said).toContain('release "actiongrant" uninstalled');
    expect((await leftovers()).filter((name) => !name.startsWith('secret/'))).toEqual([]);
  });
});

async function revisionOf(): Promise<string> {
  const [{ revision }] = JSON.parse(await run('list', '--filter=actiongrant', '-o', 'json'));
  return String(revision);
}

const aGrant = (phase: StoredGrantOptions['phase'], namespace = agents): Promise<StoredGrant> =>
  storeGrant(plane, { phase, namespace });

describe('a release with every value set', { timeout: 180_000 }, () => {
  /** Each value is another than the default, in a form that the API server may store otherwise. */
  const PEERS = [{ ipBlock: { cidr: '192.0.2.0/24' } }, { podSelector: {} }];
  const values = () => ({
    crds: { enabled: true, keep: false },
    controller: {
      image: 'registry.example/actiongrant:1',
      imagePullPolicy: 'Always',
      imagePullSecrets: ['registry'],
      replicas: 3,
      resources: {
        requests: { cpu: '1000m', memory: '1024Mi', 'ephemeral-storage': 1048576 },
        limits: { cpu: 2, memory: '1048576Ki' },
      },
      podDisruptionBudget: { enabled: true },
      topologySpreadConstraints: true,
      priorityClassName: 'system-cluster-critical',
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }, { operator: 'Exists' }],
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
            },
          ],
        },
      },
      podAnnotations: { 'team.example/owner': 'soc' },
      podRatePerSecond: 7,
      logLevel: 'debug',
    },
    sidecar: {
      image: 'registry.example/actiongrant:2',
      imagePullSecrets: ['registry'],
      resources: { requests: { cpu: '0.1' }, limits: { memory: '0.5Gi', cpu: 1 } },
      namespaceResources: { min: { cpu: 0.05 }, max: { memory: '1024Mi' } },
      inertHeaders: ['x-team'],
      trustBundle: plane.caPem,
      logLevel: 'warn',
    },
    injection: {
      namespaceSelector: {
        matchLabels: { team: 'agents' },
        matchExpressions: [{ key: 'stage', operator: 'Exists' }],
      },
    },
    apiServer: { hosts: ['api.example.com', '192.0.2.1'], audiences: ['https://api.example.com'] },
    webhook: { port: 9443, timeoutSeconds: 7 },
    limits: { maxPendingPerAgent: 3, maxFinishedPerNamespace: 4 },
    rbac: { aggregateToView: true, agentNamespaces: [agents] },
    metrics: {
      serviceMonitor: { enabled: true, labels: { release: 'p' }, interval: '60s' },
      podMonitor: { enabled: true, labels: { release: 'p' }, interval: '90s' },
      prometheusRule: { enabled: true, labels: { release: 'p' } },
      grafanaDashboard: { enabled: true, labels: { grafana_dashboard: '1' } },
    },
    networkPolicy: {
      enabled: true,
      admissionFrom: PEERS,
      apiServerCIDRs: ['192.0.2.0/24'],
      apiServerPorts: [6443],
      metricsFrom: PEERS,
      agents: {
        enabled: true,
        ingress: [{ from: PEERS, ports: [{ port: 15020 }] }],
        egress: [{ to: PEERS, ports: [{ protocol: 'TCP', port: 443, endPort: 444 }] }],
      },
    },
  });
  const OPERATOR = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'];
  const withValues = (...args: string[]) =>
    helm(
      [...args, `--kubeconfig=${plane.adminKubeconfig}`, `--namespace=${HOME}`, '--values=-'],
      stringify(values()),
    );

  /** As a tool does it that has a repository and no cluster at hand. */
  const rendered = () =>
    withValues(
      'template',
      'actiongrant',
      CHART,
      '--no-hooks',
      ...OPERATOR.map((kind) => `--api-versions=monitoring.coreos.com/v1/${kind}`),
    );

  /** What `kubectl diff` shows between the cluster and what a repository would have, asked in each of these ways. */
  async function differences(ways: readonly (readonly string[])[]): Promise<string> {
    const input = await rendered();
    const said = await Promise.all(
      ways.map(async (way) => {
        const { code, stdout, stderr } = await plane.kubectl(['diff', ...way, '-f', '-'], {
          input,
        });
        return code === 0 ? '' : `${stdout}${stderr}`;
      }),
    );
    return said.join('');
  }

  async function kubectl(args: string[], input?: string): Promise<void> {
    const { code, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
    expect(stderr).not.toMatch(/^error/i);
    expect(code).toBe(0);
  }

  /** What the controller writes into the chart's own objects. */
  async function publish(): Promise<void> {
    const caBundle = Buffer.from(plane.caPem).toString('base64');
    for (const path of [
      'mutatingwebhookconfigurations/actiongrant',
      'mutatingwebhookconfigurations/zz-actiongrant',
      'validatingwebhookconfigurations/actiongrant',
    ]) {
      await plane.api(
        'PATCH',
        `/apis/admissionregistration.k8s.io/v1/${path}`,
        [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: caBundle }],
        {
          as: await plane.kubeconfigFor({ user: CONTROLLER, groups: ['system:masters'] }),
          contentType: 'application/json-patch+json',
        },
      );
    }
  }

  beforeAll(async () => {
    for (const kind of OPERATOR) {
      const plural = `${kind.toLowerCase()}s`;
      const directory = join(ROOT, 'test/support/prometheus-operator');
      await kubectl(['create', '-f', join(directory, `${plural}.yaml`)]);
      await untilEstablished(plane, `${plural}.monitoring.coreos.com`);
    }
  });

  const BY_CLIENT: readonly string[] = [];
  const BY_SERVER = ['--server-side', '--force-conflicts'];

  test.each<[how: string, ways: (readonly string[])[], install: () => Promise<unknown>]>([
    [
      'helm install',
      [BY_CLIENT, BY_SERVER],
      () => withValues('install', 'actiongrant', CHART, '--create-namespace', '--no-hooks'),
    ],
    [
      'kubectl apply --server-side',
      [BY_SERVER],
      async () => kubectl(['apply', '--server-side', '-f', '-'], await rendered()),
    ],
    // By the server kubectl shows its own annotation, which it writes otherwise then.
    ['kubectl apply', [BY_CLIENT], async () => kubectl(['apply', '-f', '-'], await rendered())],
  ])(
    'after %s shows no difference to what is rendered, though the controller has written its part',
    async (how, ways, install) => {
      await install();
      await publish();
      expect(await differences(ways)).toBe('');
      const controller = [`--namespace=${HOME}`, 'deployment/actiongrant-controller'];
      await kubectl(['scale', ...controller, '--replicas=1']);
      expect(await differences([ways[0] ?? []])).toContain('replicas');
      if (how === 'helm install') await run('uninstall', 'actiongrant', '--no-hooks');
      else await kubectl(['delete', '--wait', '-f', '-'], await rendered());
    },
  );
});
