import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT, toolPath } from '../../scripts/tools.ts';
import type { KubeObject } from './api-client.ts';
import { apply, type Manifest, objectPath, untilEstablished } from './apply.ts';
import type { ControlPlane } from './control-plane.ts';

import { untilAllowed } from './rbac.ts';

const CHART = join(ROOT, 'charts/actiongrant');
const RELEASE_NAMESPACE = 'actiongrant-system';
const IN_EFFECT_MILLISECONDS = 30_000;

interface WebhookConfiguration extends Manifest {
  readonly webhooks: readonly {
    readonly clientConfig: { readonly service: { readonly path: string } };
  }[];
}

export interface InstallOptions {
  /**
   * Where the controller under test listens, such as https://127.0.0.1:8443. Absent: the webhooks are left out, since
   * nobody would answer them.
   */
  readonly webhookURL?: string;
  /** PEM. The controller writes it; a test without a controller gives it here. */
  readonly caBundle?: string;
  /** Policies that are not bound, for a test of what stands behind them. */
  readonly withoutPolicies?: readonly string[];
}

export interface InstalledChart {
  readonly namespace: string;
  readonly controllerUsername: string;
  /** Kubeconfig of the controller's ServiceAccount: exactly the rights that the chart gives it. */
  readonly controllerKubeconfig: string;
}

export interface RenderOptions {
  /** Whether what helm runs before an uninstallation and for `helm test` is rendered, too. */
  readonly hooks?: boolean;
  /** Kinds that the cluster has besides its own, as `group/version/Kind`. */
  readonly apiVersions?: readonly string[];
}

/** Renders the chart with the real helm, for no cluster. @throws Error with what helm says */
export async function renderChart(
  values: object = {},
  { hooks = false, apiVersions = [] }: RenderOptions = {},
): Promise<Manifest[]> {
  return parseManifests(await renderText(values, { hooks, apiVersions }));
}

/** The same as the text that helm prints. */
export function renderText(
  values: object,
  { hooks = false, apiVersions = [] }: RenderOptions = {},
): Promise<string> {
  return helm(
    [
      'template',
      'actiongrant',
      CHART,
      `--namespace=${RELEASE_NAMESPACE}`,
      '--values=-',
      ...(hooks ? [] : ['--no-hooks']),
      ...apiVersions.map((version) => `--api-versions=${version}`),
    ],
    stringify(values),
  );
}

/** Documents of YAML, without the empty ones. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** Runs the real helm. @throws Error with its output */
export function helm(args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      toolPath('helm'),
      [...args],
      // It lives for a second: most of its garbage need not be collected.
      { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, GOGC: '400' } },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`helm ${args[0]}: ${stdout}${stderr}`));
        else resolve(stdout);
      },
    );
    child.stdin?.end(input);
  });
}

/** Renders the chart with these values, and installs it. */
export async function installChart(
  plane: ControlPlane,
  values: object = {},
  options: InstallOptions = {},
): Promise<InstalledChart> {
  return installManifests(plane, await renderChart(values), options);
}

/**
 * Installs what the chart was rendered to, as Helm 4 does (server-side apply, the CRDs first) and waits until its admission policies and the
 * controller's rights are in effect. The policies hold for the whole cluster, so use a control plane of the test file's own.
 * The namespaces of `rbac.agentNamespaces` must exist.
 */
export async function installManifests(
  plane: ControlPlane,
  manifests: readonly Manifest[],
  options: InstallOptions = {},
): Promise<InstalledChart> {
  const crds = manifests.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const others = manifests
    .filter((manifest) => !crds.includes(manifest))
    .filter(
      ({ kind, metadata }) =>
        kind !== 'ValidatingAdmissionPolicyBinding' ||
        options.withoutPolicies?.includes(metadata.name) !== true,
    )
    .flatMap((manifest) => outOfCluster(manifest, options));
  await apply(plane, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: RELEASE_NAMESPACE } },
    ...crds,
  ]);
  await Promise.all(crds.map(({ metadata }) => untilEstablished(plane, metadata.name)));
  await apply(plane, others);
  await untilPoliciesAreInEffect(plane);
  const controllerUsername = `system:serviceaccount:${RELEASE_NAMESPACE}:actiongrant-controller`;
  await untilControllerMayWork(plane, controllerUsername, manifests);
  const token = await plane.api<KubeObject & { status: { token: string } }>(
    'POST',
    `/api/v1/namespaces/${RELEASE_NAMESPACE}/serviceaccounts/actiongrant-controller/token`,
    { spec: { expirationSeconds: 3600 } },
  );
  return {
    namespace: RELEASE_NAMESPACE,
    controllerUsername,
    controllerKubeconfig: await plane.kubeconfigForToken(token.status.token),
  };
}

/** Webhooks by URL, for a controller that is no pod; every other manifest as it is. */
function outOfCluster(manifest: Manifest, { webhookURL, caBundle }: InstallOptions): Manifest[] {
  if (!manifest.kind.endsWith('WebhookConfiguration')) return [manifest];
  if (webhookURL === undefined) return [];
  const { webhooks, ...rest } = manifest as WebhookConfiguration;
  const bundle =
    caBundle === undefined ? {} : { caBundle: Buffer.from(caBundle).toString('base64') };
  return [
    {
      ...rest,
      webhooks: webhooks.map((webhook) => ({
        ...webhook,
        clientConfig: { url: `${webhookURL}${webhook.clientConfig.service.path}`, ...bundle },
      })),
    },
  ];
}

/**
 * The API server takes new policies and bindings from two watches, each in order, so once the last pair is in effect, all
 * before it are.
 */
async function untilPoliciesAreInEffect(plane: ControlPlane): Promise<void> {
  const name = 'last-policy';
  const admission = 'admissionregistration.k8s.io/v1';
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] },
  ];
  const last: Manifest[] = [
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules },
        validations: [{ expression: `object.metadata.name != '${name}'`, message: 'in effect' }],
      },
    },
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
  await apply(plane, last);
  const path = `/api/v1/namespaces/${RELEASE_NAMESPACE}/configmaps?dryRun=All`;
  const deadline = Date.now() + IN_EFFECT_MILLISECONDS;
  for (;;) {
    const { status } = await plane.request('POST', path, { metadata: { name } });
    if (status >= 400) break;
    if (Date.now() > deadline) throw new Error('the admission policies did not take effect');
    await sleep(50);
  }
  await Promise.all(
    last.map(async (manifest) => plane.api('DELETE', await objectPath(plane, manifest))),
  );
}

/** Of each Role and ClusterRole that the chart binds the controller to in a namespace. */
const ONE_RIGHT: Readonly<Record<string, string>> = {
  'actiongrant-controller': 'create leases.coordination.k8s.io',
  'actiongrant-api-servers': 'list endpointslices.discovery.k8s.io',
  'actiongrant-credentials': 'create serviceaccounts/token',
};

async function untilControllerMayWork(
  plane: ControlPlane,
  user: string,
  manifests: readonly Manifest[],
): Promise<void> {
  await untilAllowed(plane, { user }, ['update actiongrants/status.actiongrant.dev']);
  for (const { kind, metadata } of manifests) {
    const right = ONE_RIGHT[metadata.name];
    if (kind !== 'RoleBinding' || right === undefined) continue;
    await untilAllowed(plane, { user }, [right], metadata.namespace);
  }
}
