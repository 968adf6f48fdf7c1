/** What the stories need, wherever they are played: as processes (`make demo`) or in pods (`make demo-cluster`). */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../scripts/tools.ts';
import type { ControlPlane } from '../test/support/control-plane.ts';
import type { Upstream } from '../test/support/upstream.ts';
import type { DemoAgent } from './agent.ts';

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
export const SERVICES = [
  'edr.example.com',
  'idp.example.com',
  'cloud.example.com',
  'git.example.com',
] as const;
export type Service = (typeof SERVICES)[number];

export interface Stage {
  plane: ControlPlane;
  services: Record<Service, Upstream>;
  /** How agents reach the API server. */
  kubernetesURL: string;
  /** Kubeconfig of the person who creates and approves grants. */
  alice: string;
  /** Starts the one agent of a namespace, as this ServiceAccount. The stage ends it. */
  startAgent(namespace: Namespace, serviceAccountName: string): Promise<DemoAgent>;
  /** What to try by hand while it is kept running. */
  instructions(): string;
  stop(): Promise<void>;
}

/** Creates the teams' namespaces, with these labels. */
export function applyNamespaces(
  plane: ControlPlane,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  return apply(
    plane,
    TEAMS.map(({ namespace }) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels },
    })),
  );
}

/** Creates the accounts, alice's roles and what the stories read. Needs the product's CRDs and roles. */
export async function applyTeams(plane: ControlPlane): Promise<void> {
  await apply(plane, TEAMS.flatMap(teamObjects));
  await mustApply(plane, await readFile(join(ROOT, 'demo/cluster.yaml'), 'utf8'));
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

function apply(plane: ControlPlane, objects: readonly object[]): Promise<void> {
  return mustApply(plane, objects.map((object) => stringify(object)).join('---\n'));
}

async function mustApply(plane: ControlPlane, input: string): Promise<void> {
  const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input });
  if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
}

/** Seconds since it was last asked. */
export function stopwatch(): () => string {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const text = `${((now - last) / 1000).toFixed(1)} s`;
    last = now;
    return text;
  };
}
