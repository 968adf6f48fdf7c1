import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readControllerConfig } from '../../controller/config.ts';
import { type Controller, startController } from '../../controller/controller.ts';
import { injectionFault } from '../../controller/injection/verify.ts';
import type { Container, Pod, PodSpec } from '../../controller/pods/pod.ts';
import { INJECTION_LABEL, SIDECAR_CONFIG_MAP } from '../../core/api/pod-layout.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { systemClock } from '../../core/time/clock.ts';
import { REFUSALS_PATH, USES_PATH } from '../../core/wire/paths.ts';
import type { Logger } from '../../process/log.ts';
import type { KubeObject } from '../support/api-client.ts';
import { installChart } from '../support/chart.ts';
import { type OwnControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { aUseRequest, Exchange } from '../support/exchange.ts';
import { issuePodToken, mintPodToken } from '../support/kubelet.ts';
import { type OtherWebhooks, startOtherWebhooks } from '../support/other-webhook.ts';
import { aContainer, aPod } from '../support/pods.ts';
import { freePort } from '../support/ports.ts';

/*
 * Pods as a real API server admits them, with its own admission plugins, the chart's policies, and a controller that has
 * no more rights than the chart gives it.
 */

const IMAGE = 'actiongrant:0.1.0';
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let plane: OwnControlPlane;
let client: KubernetesClient;
let controller: Controller;
let exchange: Exchange;
let directory: string;
/** Has the label, and is one of agents. */
let namespace: string;
/** Is one of agents, without the label, until a test gives it. */
let unlabelled: string;
/** As the first, and others change its pods. */
let shared: string;
let others: OtherWebhooks;
/** Has the label, but is not one of agents. */
let stranger: string;

type LivePod = Pod & KubeObject;

beforeAll(async () => {
  plane = await startControlPlane();
  const label = { [INJECTION_LABEL.name]: INJECTION_LABEL.value };
  namespace = await plane.createNamespace('soc', label);
  unlabelled = await plane.createNamespace('later');
  stranger = await plane.createNamespace('stranger', label);
  shared = await plane.createNamespace('shared', label);
  others = await startOtherWebhooks(plane, shared);
  // Somebody was here before the chart.
  await plane.api('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
    metadata: { name: SIDECAR_CONFIG_MAP },
    immutable: true,
    data: { 'settings.json': '{"ACTIONGRANT_CONTROLLER_URLS":"https://evil.example"}' },
  });
  const port = await freePort();
  const agentNamespaces = [namespace, unlabelled, shared];
  const chart = await installChart(
    plane,
    { rbac: { agentNamespaces } },
    { webhookURL: `https://127.0.0.1:${port}` },
  );
  client = await createKubernetesClient({
    server: { type: 'Kubeconfig', path: chart.controllerKubeconfig },
    userAgent: 'actiongrant-test',
    requestTimeoutMilliseconds: 10_000,
    clock: systemClock,
  });
  controller = await startController({
    config: readControllerConfig({
      ACTIONGRANT_LISTEN: `127.0.0.1:${port}`,
      ACTIONGRANT_OPERATIONS_LISTEN: '127.0.0.1:0',
      ACTIONGRANT_NAMESPACE: chart.namespace,
      ACTIONGRANT_POD_NAME: 'controller-0',
      ACTIONGRANT_AGENT_NAMESPACES: agentNamespaces.join(','),
      ACTIONGRANT_KUBECONFIG: chart.controllerKubeconfig,
      ACTIONGRANT_SERVING_NAMES: '127.0.0.1',
      ACTIONGRANT_SIDECAR_IMAGE: IMAGE,
      ACTIONGRANT_SIDECAR_IMAGE_PULL_SECRETS: 'registry,mirror',
      ACTIONGRANT_SIDECAR_INERT_HEADERS: 'x-team',
    }),
    client,
    clock: systemClock,
    log: silent,
    version: 'test',
  });
  directory = await mkdtemp(join(tmpdir(), 'actiongrant-injection-'));
  const exchangeCAFile = join(directory, 'ca.crt');
  await writeFile(exchangeCAFile, await publishedBundle(chart.namespace));
  exchange = new Exchange({ exchangeCAFile, balancer: { port } });
  for (const at of [namespace, unlabelled, stranger, shared]) {
    await plane.api('POST', `/api/v1/namespaces/${at}/serviceaccounts`, {
      metadata: { name: 'incident-agent' },
    });
  }
  // The API server takes a while to see the webhook's new caBundle.
  await eventually(async () => expect(await statusOf(aPod(), '?dryRun=All')).toBe(201), {
    withinMilliseconds: 15_000,
    everyMilliseconds: 100,
  });
}, 120_000);

afterAll(async () => {
  await exchange?.close();
  await controller?.stop();
  await others?.close();
  await plane?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true });
});

async function publishedBundle(at: string): Promise<string> {
  const path = `/api/v1/namespaces/${at}/configmaps/actiongrant-ca`;
  const { data } = await plane.api<KubeObject & { data: Record<string, string> }>('GET', path);
  return data['ca.crt'] ?? '';
}

let count = 0;
/** The pod under a name of its own. */
function named(pod: Pod): Pod & { metadata: { name: string } } {
  count += 1;
  const name = `agent-${count}`;
  return {
    ...pod,
    metadata: { ...pod.metadata, name },
    spec: { serviceAccountName: 'incident-agent', ...pod.spec },
  };
}

async function statusOf(pod: Pod, query = '', at = namespace): Promise<number> {
  const { status } = await plane.request(
    'POST',
    `/api/v1/namespaces/${at}/pods${query}`,
    named(pod),
  );
  return status;
}

function create(pod: Pod, at = namespace): Promise<LivePod> {
  return plane.api<LivePod>('POST', `/api/v1/namespaces/${at}/pods`, named(pod));
}

/** What kubectl prints of a refusal. */
async function refusalOf(pod: Pod, at = namespace): Promise<string> {
  const { code, stderr } = await plane.kubectl(['create', '-n', at, '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...named(pod) }),
  });
  expect(code).toBe(1);
  return stderr;
}

describe('as it is stored', () => {
  const everything = aPod({
    initContainers: [
      aContainer({ name: 'migrate' }),
      aContainer({ name: 'mesh', restartPolicy: 'Always', ports: [{ containerPort: 9090 }] }),
    ],
    containers: [
      aContainer({
        ports: [{ name: 'web', containerPort: 8080 }],
        env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx1g' }],
        readinessProbe: { httpGet: { port: 'web', path: '/' } },
        resources: { requests: { cpu: '10m' }, limits: { cpu: '1' } },
        volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
      }),
      aContainer({ name: 'helper' }),
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
    securityContext: { fsGroup: 2000 },
  });

  test.each([
    ['the simplest pod', aPod()],
    ['a pod with something of everything', everything],
  ])('%s is exactly what injection makes of it', async (_what, pod) => {
    const stored = await create(pod);
    expect(injectionFault(stored)).toBeUndefined();
    expect(stored.spec?.initContainers?.slice(0, 2)).toMatchObject([
      { name: 'actiongrant-init', image: IMAGE },
      { name: 'actiongrant', image: IMAGE, restartPolicy: 'Always' },
    ]);
    // The ServiceAccount plugin ran before and after.
    expect(JSON.stringify(stored.spec)).not.toContain('kube-api-access');
  });

  test('a pod of a namespace whose limits fill in what we leave open', async () => {
    const path = `/api/v1/namespaces/${namespace}/limitranges`;
    const limits = [{ type: 'Container', default: { cpu: '2', memory: '1Gi' }, max: { cpu: '4' } }];
    await plane.api('POST', path, { metadata: { name: 'limits' }, spec: { limits } });
    try {
      await eventually(async () => {
        const stored = await create(aPod());
        expect(injectionFault(stored)).toBeUndefined();
        expect(stored.spec?.initContainers?.[1]?.resources).toEqual({
          limits: { cpu: '2', memory: '256Mi' },
          requests: { cpu: '50m', memory: '96Mi' },
        });
      });
    } finally {
      await plane.api('DELETE', `${path}/limits`);
    }
  });

  test("a pod is pulled with the operator's Secrets beside its own, or its ServiceAccount's", async () => {
    await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: 'private' },
      imagePullSecrets: [{ name: 'of-the-account' }, { name: 'mirror' }],
    });
    const secretsOf = async (spec: Parameters<typeof aPod>[0]) =>
      (await create(aPod(spec))).spec?.imagePullSecrets?.map(({ name }) => name);
    expect(await secretsOf({})).toEqual(['registry', 'mirror']);
    expect(await secretsOf({ serviceAccountName: 'private' })).toEqual([
      'of-the-account',
      'mirror',
      'registry',
    ]);
    const imagePullSecrets = [{ name: 'own' }];
    expect(await secretsOf({ serviceAccountName: 'private', imagePullSecrets })).toEqual([
      'own',
      'registry',
      'mirror',
    ]);
  });

  test('a pod that claims to be injected is injected anew', async () => {
    const { spec } = await create(aPod());
    const forged = (spec?.initContainers ?? []).map((container) => ({
      ...container,
      image: 'evil.example/sidecar',
      args: ['-e', '0'],
    }));
    const stored = await create(aPod({ ...spec, initContainers: forged }));
    expect(injectionFault(stored)).toBeUndefined();
    expect(JSON.stringify(stored.spec)).not.toContain('evil');
  });

  test('outside of labelled namespaces nothing happens to it', async () => {
    const stored = await create(aPod(), unlabelled);
    expect(stored.spec?.initContainers).toBeUndefined();
    expect(injectionFault(stored)).toBeDefined();
  });
});

describe('in company with a webhook of somebody else', () => {
  const MIRROR = 'mirror.corp/';
  type Change = (pod: Pod) => Pod;
  const ofEach =
    (change: (container: Container) => Container): Change =>
    ({ spec = {}, ...pod }) => ({
      ...pod,
      spec: {
        ...spec,
        ...(spec.initContainers && { initContainers: spec.initContainers.map(change) }),
        containers: (spec.containers ?? []).map(change),
      },
    });
  const ofSpec =
    (change: (spec: PodSpec) => object): Change =>
    ({ spec = {}, ...pod }) => ({ ...pod, spec: { ...spec, ...change(spec) } });
  const withInit = (added: Container, where: 'first' | 'last'): Change =>
    ofSpec(({ initContainers = [] }) => {
      const rest = initContainers.filter(({ name }) => name !== added.name);
      return { initContainers: where === 'first' ? [added, ...rest] : [...rest, added] };
    });
  const FIRST = aContainer({ name: 'first' });
  const NATIVE = aContainer({ name: 'native', restartPolicy: 'Always' });

  /** Each as some product does it, and always again. */
  const CHANGES: Record<string, Change> = {
    'another registry for every image': ofEach((container) => ({
      ...container,
      image: `${MIRROR}${container.image?.replace(MIRROR, '')}`,
    })),
    'a variable for every container': ofEach((container) => ({
      ...container,
      env: [
        ...(container.env ?? []).filter(({ name }) => name !== 'NODE_OPTIONS'),
        { name: 'NODE_OPTIONS', value: '--require /evil.js' },
      ],
    })),
    'a mount for every container': (pod) =>
      ofEach((container) => ({
        ...container,
        volumeMounts: [
          ...(container.volumeMounts ?? []).filter(({ name }) => name !== 'corp-ca'),
          { name: 'corp-ca', mountPath: '/etc/ssl/certs', readOnly: true },
        ],
      }))(
        ofSpec(({ volumes = [] }) => ({
          volumes: [
            ...volumes.filter(({ name }) => name !== 'corp-ca'),
            { name: 'corp-ca', configMap: { name: 'corp-ca' } },
          ],
        }))(pod),
      ),
    'an init container put first': withInit(FIRST, 'first'),
    'an init container put last': withInit(FIRST, 'last'),
    'a native sidecar put first': withInit(NATIVE, 'first'),
    'resources for every container': ofEach((container) => ({
      ...container,
      resources: {
        ...container.resources,
        limits: { cpu: '700m', ...container.resources?.limits },
      },
    })),
    'a securityContext for every container': ofEach((container) => ({
      ...container,
      securityContext: {
        ...container.securityContext,
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
      },
    })),
    'a pull policy, probes and hooks for every container': ofEach((container) => ({
      ...container,
      imagePullPolicy: 'Always',
      terminationMessagePolicy: 'File',
    })),
    'what a pod has besides its containers': (pod) =>
      ofSpec(({ tolerations = [], ...spec }: PodSpec & { tolerations?: { key?: string }[] }) => ({
        ...spec,
        tolerations: [
          ...tolerations.filter(({ key }) => key !== 'corp'),
          { key: 'corp', operator: 'Exists', effect: 'NoSchedule' },
        ],
        terminationGracePeriodSeconds: 7,
        imagePullSecrets: [{ name: 'corp' }],
        hostAliases: [{ ip: '127.0.0.1', hostnames: ['me'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '3' }] },
        securityContext: { fsGroup: 3000, runAsUser: 3000 },
      }))({ ...pod, metadata: { ...pod.metadata, labels: { corp: 'yes' } } }),
  };
  const everything: Change = (pod) =>
    Object.values(CHANGES).reduce((changed, change) => change(changed), pod);
  const createdNow = (pod: Pod) =>
    plane.api<LivePod>('POST', `/api/v1/namespaces/${shared}/pods?dryRun=All`, named(pod));

  const PLACES = [
    ['before ours', 'aaa-other'],
    ['behind ours', 'mmm-other'],
  ] as const;
  const POLICIES = ['Never', 'IfNeeded'] as const;
  test.each(
    PLACES.flatMap(([place, name]) =>
      POLICIES.map((reinvocationPolicy) => ({ place, name, reinvocationPolicy })),
    ),
  )(
    '$place, with $reinvocationPolicy: the pod is injected, with all that it added to the agent',
    async ({ name, reinvocationPolicy }) => {
      await others.during({ name, reinvocationPolicy, mutate: everything }, async () => {
        const { spec, metadata } = await createdNow(aPod());
        const stored = { metadata, ...(spec && { spec }) };
        expect(injectionFault(stored)).toBeUndefined();
        const [netInit, sidecar, ...inits] = spec?.initContainers ?? [];
        expect([netInit?.image, sidecar?.image]).toEqual([IMAGE, IMAGE]);
        expect(inits.map((container) => container.name).sort()).toEqual(['first', 'native']);
        const [agent] = spec?.containers ?? [];
        expect(agent?.image).toMatch(MIRROR);
        expect(JSON.stringify(agent)).toContain('/evil.js');
        expect(agent?.volumeMounts?.map((mount) => mount.name)).toContain('corp-ca');
        expect(metadata).toMatchObject({ labels: { corp: 'yes' } });
      });
    },
    30_000,
  );

  test.each([
    ['another registry for every image', 'spec.initContainers.image'],
    ['a variable for every container', 'these fields are not as injected: env'],
    ['a mount for every container', 'these fields are not as injected: volumeMounts'],
    ['an init container put first', 'spec.initContainers: pods of this namespace start with'],
    ['a securityContext for every container', 'these fields are not as injected: securityContext'],
    [
      'a pull policy, probes and hooks for every container',
      'these fields are not as injected: terminationMessagePolicy',
    ],
  ])(
    'behind all of ours, with %s: the refusal says what and what to do',
    async (change, words) => {
      const mutate = CHANGES[change];
      if (mutate === undefined) throw new Error(change);
      const webhook = { name: 'zzz-other', reinvocationPolicy: 'IfNeeded', mutate } as const;
      await others.during(webhook, async () => {
        const message = await refusalOf(aPod(), shared);
        expect(message).toContain(words);
        expect(message).toContain('MutatingAdmissionPolicy');
        expect(message).toContain('docs/how-to/other-webhooks.md');
      });
    },
    30_000,
  );

  test.each<[string, Change, string]>([
    [
      'a privileged init container',
      withInit(aContainer({ name: 'istio-init', securityContext: { privileged: true } }), 'first'),
      'spec.initContainers[2].securityContext.privileged (not sent; container istio-init)',
    ],
    [
      "a token of the pod's",
      ofSpec(({ volumes = [] }) => ({
        volumes: [
          ...volumes.filter(({ name }) => name !== 'aws-iam-token'),
          {
            name: 'aws-iam-token',
            projected: { sources: [{ serviceAccountToken: { audience: 'sts', path: 'token' } }] },
          },
        ],
      })),
      'sources[0].serviceAccountToken (not sent)',
    ],
    ["the node's network", ofSpec(() => ({ hostNetwork: true })), 'spec.hostNetwork (not sent)'],
    [
      'a resolver',
      ofSpec(() => ({ dnsConfig: { nameservers: ['192.0.2.53'] } })),
      'spec.dnsConfig.nameservers (not sent)',
    ],
  ])(
    'with %s that no agent may have: the refusal names what was added, and who may have',
    async (_what, mutate, words) => {
      for (const [, name] of PLACES) {
        await others.during({ name, reinvocationPolicy: 'IfNeeded', mutate }, async () => {
          const message = await refusalOf(aPod(), shared);
          expect(message).toContain(words);
          expect(message).toContain(name);
          expect(message).toContain('docs/how-to/other-webhooks.md');
        });
      }
    },
    30_000,
  );

  test('what the author wrote is not put down to others', async () => {
    const webhook = { name: 'mmm-other', reinvocationPolicy: 'Never', mutate: everything } as const;
    await others.during(webhook, async () => {
      const message = await refusalOf(aPod({ hostNetwork: true }), shared);
      expect(message).toContain('spec.hostNetwork must not be true');
      expect(message).not.toContain('not sent');
    });
  }, 30_000);
});

describe('in a namespace with limits and quotas', () => {
  const RESOURCES = {
    requests: { cpu: '1', memory: '256Mi' },
    limits: { cpu: '1', memory: '256Mi' },
  };
  const agent = aPod({ containers: [aContainer({ resources: RESOURCES })] });
  const collection = (kind: string) => `/api/v1/namespaces/${shared}/${kind}`;
  const annotate = async (value: string) => {
    const name = 'actiongrant.dev/sidecar-resources';
    const { code, stderr } = await plane.kubectl([
      'annotate',
      'namespace',
      shared,
      '--overwrite',
      value === '' ? `${name}-` : `${name}=${value}`,
    ]);
    expect([code, stderr]).toEqual([0, '']);
  };

  async function during(kind: 'limitranges' | 'resourcequotas', spec: object, run: () => unknown) {
    await plane.api('POST', collection(kind), { metadata: { name: 'team' }, spec });
    try {
      await run();
    } finally {
      await plane.api('DELETE', `${collection(kind)}/team`);
      await eventually(async () => {
        const { items } = await plane.api<KubeObject & { items: unknown[] }>(
          'GET',
          collection(kind),
        );
        expect(items).toEqual([]);
      });
    }
  }
  const container = (limits: object) => ({ limits: [{ type: 'Container', ...limits }] });
  const injectedResources = async () => {
    const stored = await create(agent, shared);
    expect(injectionFault(stored)).toBeUndefined();
    return stored.spec?.initContainers?.slice(0, 2).map(({ resources }) => resources);
  };
  const both = (resources: object) => [resources, resources];

  test.each<[string, object, object]>([
    [
      'that ask for more',
      container({ min: { cpu: '100m', memory: '128Mi' } }),
      {
        requests: { cpu: '100m', memory: String(128 * 1024 * 1024) },
        limits: { memory: '256Mi' },
      },
    ],
    [
      'whose default is less than the sidecar asks for',
      container({ default: { cpu: '20m' }, defaultRequest: { cpu: '10m' } }),
      { requests: { cpu: '50m', memory: '96Mi' }, limits: { cpu: '50m', memory: '256Mi' } },
    ],
    [
      'whose ratio of limit and request is less',
      container({ default: { cpu: '1' }, maxLimitRequestRatio: { cpu: '4', memory: '2' } }),
      {
        requests: { cpu: '250m', memory: String(128 * 1024 * 1024) },
        limits: { cpu: '1', memory: '256Mi' },
      },
    ],
    [
      'that allow more than enough',
      container({ max: { cpu: '1', memory: '1Gi' } }),
      { requests: { cpu: '50m', memory: '96Mi' }, limits: { cpu: '1', memory: '256Mi' } },
    ],
  ])('%s, a pod is injected', async (_what, spec, resources) => {
    await during('limitranges', spec, () =>
      eventually(async () => expect(await injectedResources()).toEqual(both(resources))),
    );
  });

  test('that allow less than the sidecar has, the refusal names the LimitRange and the way out', async () => {
    await during('limitranges', container({ max: { memory: '200Mi' } }), async () => {
      const small = aPod({ containers: [aContainer()] });
      await eventually(async () => {
        const message = await refusalOf(small, shared);
        expect(message).toContain('have limits.memory: 256Mi, and the LimitRange team');
        expect(message).toContain(
          `kubectl annotate namespace ${shared} --overwrite actiongrant.dev/sidecar-resources='{"limits":{"memory":"200Mi"}}'`,
        );
      });
      await annotate('{"limits":{"memory":"200Mi"}}');
      try {
        await eventually(async () => {
          const stored = await create(small, shared);
          expect(injectionFault(stored)).toBeUndefined();
          expect(stored.spec?.initContainers?.[1]?.resources?.limits?.['memory']).toBe('200Mi');
        });
      } finally {
        await annotate('');
      }
    });
  }, 30_000);

  test('that quota a resource which the sidecar does not name, the refusal names the quota and the way out', async () => {
    const spec = { hard: { 'limits.cpu': '20', 'requests.memory': '20Gi' } };
    await during('resourcequotas', spec, async () => {
      await eventually(async () => {
        const message = await refusalOf(agent, shared);
        expect(message).toContain('have no limits.cpu, and the ResourceQuota team');
        expect(message).toContain(`kubectl annotate namespace ${shared}`);
      });
      await annotate('{"limits":{"cpu":"400m"}}');
      try {
        await eventually(async () =>
          expect(await injectedResources()).toEqual(
            both({
              requests: { cpu: '50m', memory: '96Mi' },
              limits: { cpu: '400m', memory: '256Mi' },
            }),
          ),
        );
      } finally {
        await annotate('');
      }
      const limits = container({ default: { cpu: '2', memory: '512Mi' } });
      await during('limitranges', limits, () =>
        eventually(async () => expect((await injectedResources())?.[1]?.limits?.['cpu']).toBe('2')),
      );
    });
  }, 30_000);

  test.each([
    ['no JSON', 'must be JSON with quantities of cpu, memory, ephemeral-storage as texts'],
    ['{"limits":{"memory":"64Mi"}}', 'limits.memory: 64Mi, and the release allows 128Mi at least'],
    ['{"requests":{"cpu":"40"}}', 'requests.cpu: 40, and the release allows 2 at most'],
  ])('that annotates %s, pods are refused', async (value, words) => {
    await annotate(value);
    try {
      await eventually(async () => expect(await refusalOf(agent, shared)).toContain(words));
    } finally {
      await annotate('');
      await eventually(async () => void (await create(agent, shared)));
    }
  });
});

describe('what kubectl prints of', () => {
  test('a pod that cannot be injected: the fields and the way out', async () => {
    const pod = aPod({
      hostNetwork: true,
      containers: [aContainer({ securityContext: { runAsUser: 0 } })],
    });
    expect(await refusalOf(pod)).toMatch(
      /admission webhook "inject-pod\.actiongrant\.dev" denied the request: ActionGrant cannot make this an agent pod: spec\.hostNetwork must not be true: .*; spec\.containers\[0\]\.securityContext\.runAsUser must be/,
    );
  });

  test('a pod in a namespace that has the label only', async () => {
    expect(await refusalOf(aPod(), stranger)).toContain(
      `--set "rbac.agentNamespaces={${namespace},${unlabelled},${shared},${stranger}}"`,
    );
  });
});

describe('kubectl debug', () => {
  const debug = (pod: LivePod, ...flags: string[]) =>
    plane.kubectl([
      'debug',
      `--namespace=${namespace}`,
      `pod/${pod.metadata.name}`,
      '--image=busybox',
      '--container=debugger',
      ...flags,
    ]);
  const live = (pod: LivePod): Promise<LivePod> =>
    plane.api<LivePod>('GET', `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`);

  test('is refused in the pod, and what is said instead makes an injected copy', async () => {
    const pod = await create(aPod());
    const { code, stderr } = await debug(pod, '--profile=restricted', '--target=agent');
    expect(code).toBe(1);
    const { name } = pod.metadata;
    const [, advice = ''] =
      /Debug a copy, which is injected: kubectl (.*) --image=IMAGE -it\.$/m.exec(stderr) ?? [];
    expect(advice).toContain(`debug ${name} --namespace=${namespace} --copy-to=${name}-debug `);
    expect((await live(pod)).spec?.ephemeralContainers).toBeUndefined();
    const copied = await plane.kubectl([
      ...advice.split(' '),
      '--image=busybox',
      '--container=debugger',
      '--',
      'sleep',
      'infinity',
    ]);
    expect(copied).toMatchObject({ code: 0 });
    const copy = await live({ ...pod, metadata: { ...pod.metadata, name: `${name}-debug` } });
    expect(injectionFault(copy)).toBeUndefined();
    expect(copy.spec?.containers?.map((container) => container.name)).toEqual([
      'agent',
      'debugger',
    ]);
  });
});

describe('the settings of sidecars', () => {
  const path = () => `/api/v1/namespaces/${namespace}/configmaps/${SIDECAR_CONFIG_MAP}`;

  test('are ours alone, also where somebody was first', async () => {
    const { data, immutable } = await plane.api<
      KubeObject & { data: Record<string, string>; immutable?: boolean }
    >('GET', path());
    expect(immutable).toBeUndefined();
    expect(Object.keys(data).sort()).toEqual([
      'controller-ca.crt',
      'kubernetes-ca.crt',
      'settings.json',
    ]);
    expect(data['kubernetes-ca.crt']).toBe(plane.caPem);
    expect(data['controller-ca.crt']).toBe(await readFile(join(directory, 'ca.crt'), 'utf8'));
    expect(JSON.parse(data['settings.json'] ?? '')).toMatchObject({
      ACTIONGRANT_CONTROLLER_URLS: 'https://actiongrant-controller.actiongrant-system.svc',
      ACTIONGRANT_KUBERNETES_SERVER: new URL(plane.url).host,
      ACTIONGRANT_INERT_HEADERS: 'x-team',
    });
  });
});

describe('the exchange', () => {
  /** Plays the kubelet: a token for a pod that is bound to a node. */
  async function tokenOf(pod: LivePod, at = namespace): Promise<string> {
    const { status } = await mintPodToken(plane, {
      namespace: at,
      serviceAccountName: 'incident-agent',
      podName: pod.metadata.name,
      podUid: pod.metadata.uid,
      nodeName: 'node-1',
    });
    return status.token;
  }
  const callAs = (token: string) =>
    exchange.send('POST', USES_PATH, aUseRequest(), { authorization: `Bearer ${token}` });

  test('lets an injected pod in, and one by hand where there is no injection', async () => {
    const byHand = await issuePodToken(plane, {
      namespace: unlabelled,
      serviceAccountName: 'incident-agent',
    });
    expect(await callAs(byHand.token)).toMatchObject({ status: 403, code: 'GrantRequired' });
    const pod = await create(aPod({ nodeName: 'node-1' }));
    expect(await callAs(await tokenOf(pod))).toMatchObject({ status: 403, code: 'GrantRequired' });
  });

  test('refuses a pod by hand once its namespace has the label, and says what it lacks', async () => {
    const byHand = await issuePodToken(plane, {
      namespace: unlabelled,
      serviceAccountName: 'incident-agent',
    });
    expect(await callAs(byHand.token)).toMatchObject({ code: 'GrantRequired' });
    const label = { [INJECTION_LABEL.name]: INJECTION_LABEL.value };
    const patch = (value: object) =>
      plane.api(
        'PATCH',
        `/api/v1/namespaces/${unlabelled}`,
        { metadata: { labels: value } },
        { contentType: 'application/merge-patch+json' },
      );
    await patch(label);
    try {
      await eventually(async () => {
        const answer = await callAs(byHand.token);
        expect(answer).toMatchObject({ status: 403, code: 'PodNotInjected' });
        expect(answer.body).toMatchObject({
          detail: expect.stringContaining('spec.initContainers[0] is not actiongrant-init'),
        });
      });
    } finally {
      await patch({ [INJECTION_LABEL.name]: null });
    }
  });

  test('tells what a sidecar refused in an Event of its pod, in words that are marked and escaped', async () => {
    const pod = await create(aPod({ nodeName: 'node-1' }));
    const authorization = `Bearer ${await tokenOf(pod)}`;
    const report = {
      refusals: [
        { code: 'GrantRequired', attempted: 'GET https://a.example/" ok', count: 2 },
        { code: 'ProtocolRefused', attempted: 'TCP 192.0.2.1:22', count: 40 },
      ],
    };
    const send = (body: unknown) => exchange.send('POST', REFUSALS_PATH, body, { authorization });
    expect(await send(report)).toMatchObject({ status: 204, text: '' });
    const query = `fieldSelector=regarding.uid=${pod.metadata.uid},reason=CallRefused`;
    await eventually(async () => {
      const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events?${query}`;
      const { items } = await plane.api<KubeObject & { items: { note: string; type: string }[] }>(
        'GET',
        path,
      );
      expect(items).toMatchObject([{ type: 'Warning' }]);
      expect(items[0]?.note).toMatch(
        /^The sidecar refused 42 calls; .* agent's words\. 40 x ProtocolRefused \(.*\): "TCP 192\.0\.2\.1:22"; 2 x GrantRequired \(.*\): "GET https:\/\/a\.example\/\\" ok"$/,
      );
    });

    expect(await send({ refusals: [] })).toMatchObject({ status: 400, code: 'RequestMalformed' });
    expect(
      await exchange.send('POST', REFUSALS_PATH, report, { authorization: 'Bearer x' }),
    ).toMatchObject({ status: 401 });
    const flood = await Promise.all(Array.from({ length: 20 }, () => send(report)));
    const statuses = flood.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204).length).toBeLessThanOrEqual(5);
    expect(new Set(statuses)).toEqual(new Set([204, 429]));
    // Calls are another matter.
    expect(await callAs(authorization.slice(7))).toMatchObject({ code: 'GrantRequired' });
  });
});
