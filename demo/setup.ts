/** Brings up what the stories need: a control plane, the product, the services, and the people's and agents' accounts. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../scripts/tools.ts';
import { type OwnControlPlane, startControlPlane } from '../test/support/control-plane.ts';
import { createAuthority } from '../test/support/pki.ts';
import { type Product, startProduct } from '../test/support/product.ts';
import { startUpstream, type Upstream } from '../test/support/upstream.ts';

/** Namespace, agent and credentials' accounts of each story. */
export const TEAMS = [
  { namespace: 'soc', agent: 'incident-agent', accounts: ['edr-quarantine'] },
  { namespace: 'helpdesk', agent: 'helpdesk-agent', accounts: ['password-reset'] },
  { namespace: 'cloud', agent: 'remediation-agent', accounts: ['key-revoker'] },
  { namespace: 'vault', agent: 'secrets-workflow', accounts: ['secret-reader'] },
  { namespace: 'coding', agent: 'coding-assistant', accounts: ['pull-requests'] },
] as const;

export type Namespace = (typeof TEAMS)[number]['namespace'];

/** The web APIs of the stories; each accepts only tokens of its own audience. */
const SERVICES = [
  'edr.example.com',
  'idp.example.com',
  'cloud.example.com',
  'git.example.com',
] as const;
export type Service = (typeof SERVICES)[number];

export interface Stage {
  plane: OwnControlPlane;
  product: Product;
  services: Record<Service, Upstream>;
  /** PEM of the services' CA. */
  servicesCA: string;
  connectTo: Map<string, string>;
  /** Kubeconfig of the person who creates and approves grants. */
  alice: string;
  stop(): Promise<void>;
}

export async function setUp(say: (text: string) => void): Promise<Stage> {
  const cleanups: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  };
  try {
    const since = stopwatch();
    const plane = await startControlPlane();
    cleanups.push(() => plane.stop());
    say(`etcd and kube-apiserver are up (${since()})`);
    const namespaces = TEAMS.map(({ namespace }) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
    }));
    await apply(plane, namespaces);
    const product = await startProduct(plane, {
      replicas: 2,
      agentNamespaces: TEAMS.map(({ namespace }) => namespace),
    });
    cleanups.push(() => product.stop());
    say(`two controller replicas are ready, with the chart's own rights (${since()})`);
    await apply(plane, TEAMS.flatMap(teamObjects));
    await mustApply(plane, await readFile(join(ROOT, 'demo/cluster.yaml'), 'utf8'));

    const authority = await createAuthority('demo services');
    const started = await Promise.all(
      SERVICES.map(async (name) => {
        const upstream = await startUpstream({ plane, names: [name], authority });
        cleanups.push(() => upstream.close());
        return [name, upstream] as const;
      }),
    );
    say(`four web APIs are up; each asks the API server whose token it is given (${since()})`);
    return {
      plane,
      product,
      services: Object.fromEntries(started) as Record<Service, Upstream>,
      servicesCA: authority.certificate,
      connectTo: new Map(
        started.map(([name, { port }]) => [`${name}:443`, `127.0.0.1:${port}`] as const),
      ),
      alice: await plane.kubeconfigFor({ user: 'alice', groups: ['platform'] }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The agent's account, the credentials' accounts, and what alice may do with them. */
function teamObjects({ namespace, agent, accounts }: (typeof TEAMS)[number]): object[] {
  const alice = { kind: 'User', name: 'alice', apiGroup: 'rbac.authorization.k8s.io' };
  return [
    ...[agent, ...accounts].map((name) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace },
    })),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'alice-decides', namespace },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'actiongrant-decider',
      },
      subjects: [alice],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'delegate', namespace },
      rules: [
        {
          apiGroups: [''],
          resources: ['serviceaccounts'],
          resourceNames: [...accounts],
          verbs: ['delegate'],
        },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'alice-delegates', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'delegate' },
      subjects: [alice],
    },
  ];
}

function apply(plane: OwnControlPlane, objects: readonly object[]): Promise<void> {
  return mustApply(plane, objects.map((object) => stringify(object)).join('---\n'));
}

async function mustApply(plane: OwnControlPlane, input: string): Promise<void> {
  const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input });
  if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
}

function stopwatch(): () => string {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const text = `${((now - last) / 1000).toFixed(1)} s`;
    last = now;
    return text;
  };
}
