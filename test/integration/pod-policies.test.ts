/**
 * P1 and P16: what the chart's policies refuse of pods when the webhook is not there to put it right, or somebody wrote
 * after it. Whoever asks has every right that RBAC can give, so a refusal is the policy's; what is refused is one change away
 * from what is allowed.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inject } from '../../controller/injection/inject.ts';
import type { Pod } from '../../controller/pods/pod.ts';
import { SIDECAR_UID } from '../../core/api/pod-layout.ts';
import type { ApiResponse } from '../support/api-client.ts';
import type { InstalledChart } from '../support/chart.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import {
  anAgentContainer,
  anInjectedPod,
  type Change,
  changed,
  SIDECAR_IMAGE,
} from '../support/injected-pod.ts';
import { reportSidecar } from '../support/kubelet.ts';
import { untilAllowed } from '../support/rbac.ts';
import { sharePolicies } from '../support/shared.ts';

let plane: ControlPlane;
let chart: InstalledChart;
let namespace: string;
let unlabelled: string;
let minorVersion: number;

beforeAll(async () => {
  ({ plane, chart, namespace } = await sharePolicies('injected'));
  minorVersion = await plane.minorVersion();
  unlabelled = await plane.createNamespace('others');
  for (const where of [namespace, unlabelled]) {
    await plane.api('POST', `/api/v1/namespaces/${where}/serviceaccounts`, {
      metadata: { name: 'default' },
    });
  }
});
afterAll(() => plane?.disconnect());

const podsPath = (where = namespace) => `/api/v1/namespaces/${where}/pods`;
const podPath = (name: string, subresource = '') => `${podsPath()}/${name}${subresource}`;
const create = (changes: readonly Change[] = [], where = namespace) =>
  plane.request('POST', `${podsPath(where)}?dryRun=All`, changed(anInjectedPod('agent'), changes));

function expectRefusal(response: ApiResponse<unknown>, policy: string, field: string): void {
  expect(response).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
  const { message } = response.body as { message: string };
  expect(message).toContain(`ValidatingAdmissionPolicy '${policy}'`);
  expect(message).toContain(`denied request: ${field}: `);
}

const add = (path: string, value: unknown): Change => ({ op: 'add', path, value });
const replace = (path: string, value: unknown): Change => ({ op: 'replace', path, value });
const remove = (path: string): Change => ({ op: 'remove', path });

const INIT = '/spec/initContainers/0';
const SIDECAR = '/spec/initContainers/1';
const PREPARE = '/spec/initContainers/2';
const AGENT = '/spec/containers/0';
const HELPER = '/spec/containers/1';
const POD = '/spec/securityContext';
const TOKEN = { serviceAccountToken: { path: 'token', audience: 'actiongrant.dev' } };
const AGENT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

type Attack = readonly [what: string, field: string, ...changes: Change[]];

const OURS: readonly Attack[] = [
  [
    'no injected container at all',
    'spec.initContainers',
    remove(PREPARE),
    remove(SIDECAR),
    remove(INIT),
  ],
  ['no net-init', 'spec.initContainers', remove(INIT)],
  ['no sidecar', 'spec.initContainers', remove(SIDECAR)],
  [
    'a container before net-init',
    'spec.initContainers',
    add('/spec/initContainers/0', anAgentContainer('early')),
  ],
  [
    'a container before the sidecar',
    'spec.initContainers',
    add('/spec/initContainers/1', anAgentContainer('early')),
  ],
  [
    'the sidecar as an ordinary container, which starts with the agent',
    'spec.initContainers',
    replace(`${SIDECAR}/name`, 'other'),
    replace(`${AGENT}/name`, 'actiongrant'),
  ],
  ...[INIT, SIDECAR].flatMap((ours): Attack[] => [
    [`${ours}: another image`, 'spec.initContainers.image', replace(`${ours}/image`, 'evil:1')],
    [
      `${ours}: the image with another tag`,
      'spec.initContainers.image',
      replace(`${ours}/image`, 'actiongrant:0.1.1'),
    ],
    [
      `${ours}: whatever image the node has under that name`,
      'spec.initContainers.image',
      replace(`${ours}/imagePullPolicy`, 'Never'),
    ],
    [
      `${ours}: a device`,
      'spec.initContainers.image',
      add('/spec/resourceClaims', [{ name: 'disk', resourceClaimName: 'disk' }]),
      add(`${ours}/resources/claims`, [{ name: 'disk' }]),
    ],
    [`${ours}: a command`, 'spec.initContainers', add(`${ours}/command`, ['sleep', '1d'])],
    [`${ours}: other arguments`, 'spec.initContainers', replace(`${ours}/args`, ['-e', '0'])],
    [`${ours}: one more argument`, 'spec.initContainers', add(`${ours}/args/-`, '--inspect')],
    [`${ours}: a working directory`, 'spec.initContainers', add(`${ours}/workingDir`, '/data')],
    [
      `${ours}: one more variable`,
      'spec.initContainers',
      add(`${ours}/env/-`, { name: 'NODE_OPTIONS', value: '--require=/data/evil.js' }),
    ],
    [
      `${ours}: variables from elsewhere`,
      'spec.initContainers',
      add(`${ours}/envFrom`, [{ configMapRef: { name: 'evil' } }]),
    ],
    [
      `${ours}: the same variable of another name`,
      'spec.initContainers',
      replace(`${ours}/env/0/name`, 'EVIL'),
    ],
    [
      `${ours}: its variable from a ConfigMap`,
      'spec.initContainers',
      replace(`${ours}/env/0`, {
        name: ours === INIT ? 'ACTIONGRANT_INBOUND_PORTS' : 'ACTIONGRANT_SETTINGS',
        valueFrom: { configMapKeyRef: { name: 'evil', key: 'evil' } },
      }),
    ],
    [
      `${ours}: privileges`,
      'spec.initContainers',
      add(`${ours}/securityContext/privileged`, true),
      replace(`${ours}/securityContext/allowPrivilegeEscalation`, true),
    ],
    [
      `${ours}: one more capability`,
      'spec.initContainers',
      add(`${ours}/securityContext/capabilities/add`, ['NET_ADMIN', 'NET_RAW']),
    ],
    [
      `${ours}: a writable root`,
      'spec.initContainers',
      replace(`${ours}/securityContext/readOnlyRootFilesystem`, false),
    ],
    [
      `${ours}: no seccomp`,
      'spec.initContainers',
      replace(`${ours}/securityContext/seccompProfile`, { type: 'Unconfined' }),
    ],
    [
      `${ours}: another user`,
      'spec.initContainers',
      replace(`${ours}/securityContext/runAsUser`, 4711),
    ],
    [`${ours}: no securityContext`, 'spec.initContainers', remove(`${ours}/securityContext`)],
    [
      `${ours}: a volume of the agent`,
      'spec.initContainers',
      add(`${ours}/volumeMounts`, [{ name: 'data', mountPath: '/app' }]),
    ],
    [
      `${ours}: a raw device`,
      'spec.initContainers',
      add(`${ours}/volumeDevices`, [{ name: 'disk', devicePath: '/dev/disk' }]),
      add('/spec/volumes/-', { name: 'disk', persistentVolumeClaim: { claimName: 'disk' } }),
    ],
    [
      `${ours}: a terminal`,
      'spec.initContainers',
      add(`${ours}/stdin`, true),
      add(`${ours}/tty`, true),
    ],
    [
      `${ours}: a termination message elsewhere`,
      'spec.initContainers',
      replace(`${ours}/terminationMessagePath`, '/app/dist/evil'),
    ],
  ]),
  ['net-init that never ends', 'spec.initContainers', add(`${INIT}/restartPolicy`, 'Always')],
  [
    'net-init with an odd port',
    'spec.initContainers',
    replace(`${INIT}/env/0/value`, '80/tcp; accept'),
  ],
  [
    'a sidecar that ends before the agent starts',
    'spec.initContainers',
    remove(`${SIDECAR}/restartPolicy`),
    remove(`${SIDECAR}/startupProbe`),
  ],
  ['a sidecar that nobody waits for', 'spec.initContainers', remove(`${SIDECAR}/startupProbe`)],
  [
    'a program as its probe',
    'spec.initContainers',
    add(`${SIDECAR}/livenessProbe`, { exec: { command: ['cat', '/etc/actiongrant/token/token'] } }),
  ],
  [
    'a program as its hook',
    'spec.initContainers',
    add(`${SIDECAR}/lifecycle`, { postStart: { exec: { command: ['sh', '-c', 'evil'] } } }),
  ],
  [
    'its settings from elsewhere',
    'spec.initContainers',
    replace(`${SIDECAR}/env/0/value`, '/data'),
  ],
  [
    'its name of another pod',
    'spec.initContainers',
    replace(`${SIDECAR}/env/2`, { name: 'ACTIONGRANT_POD_NAME', value: 'other' }),
  ],
  [
    "its state on the agent's volume",
    'spec.initContainers',
    replace(`${SIDECAR}/volumeMounts/2/name`, 'data'),
  ],
  ['another port', 'spec.initContainers', replace(`${SIDECAR}/ports/0/containerPort`, 15001)],
];

const VOLUMES: readonly Attack[] = [
  ['settings of its own', 'spec.volumes', replace('/spec/volumes/1/configMap/name', 'my-settings')],
  ['settings that may be missing', 'spec.volumes', add('/spec/volumes/1/configMap/optional', true)],
  ['state on disk', 'spec.volumes', replace('/spec/volumes/2/emptyDir', {})],
  [
    "the agent's files from a ConfigMap",
    'spec.volumes',
    replace('/spec/volumes/3', { name: 'actiongrant-agent', configMap: { name: 'evil' } }),
  ],
  [
    'a token of another audience',
    'spec.volumes',
    replace('/spec/volumes/0/projected/sources/0/serviceAccountToken/audience', 'elsewhere'),
  ],
  [
    'one more token beside ours',
    'spec.volumes',
    add('/spec/volumes/0/projected/sources/-', {
      serviceAccountToken: { path: 'second', audience: 'vault' },
    }),
  ],
  ...['actiongrant.dev', 'vault', undefined].map(
    (audience): Attack => [
      `a token for ${audience ?? 'the API server'}`,
      'spec.volumes.projected',
      add('/spec/volumes/-', {
        name: 'mine',
        projected: { sources: [{ serviceAccountToken: { path: 'token', audience } }] },
      }),
    ],
  ),
  [
    'a token behind a ConfigMap',
    'spec.volumes.projected',
    add('/spec/volumes/5/projected/sources/-', TOKEN),
  ],
  [
    'the usual token',
    'spec.automountServiceAccountToken',
    remove('/spec/automountServiceAccountToken'),
  ],
  [
    'the usual token, asked for',
    'spec.automountServiceAccountToken',
    replace('/spec/automountServiceAccountToken', true),
  ],
  ...(
    [
      ['hostPath', { path: '/' }],
      ['nfs', { server: 'evil.example', path: '/' }],
      ['iscsi', { targetPortal: '203.0.113.1', iqn: 'iqn.2026-01.example:a', lun: 0 }],
      ['cephfs', { monitors: ['203.0.113.1'] }],
      ['flexVolume', { driver: 'evil/driver' }],
      ['csi', { driver: 'nfs.example', volumeAttributes: { server: 'evil.example' } }],
    ] as const
  ).map(
    ([type, source]): Attack => [
      `a volume of type ${type}`,
      'spec.volumes',
      add('/spec/volumes/-', { name: 'mine', [type]: source }),
    ],
  ),
];

const mount = (path: string, value: object): Change => add(`${path}/volumeMounts/-`, value);

const MOUNTS: readonly Attack[] = [PREPARE, AGENT, HELPER].flatMap((container): Attack[] => [
  ...['token', 'settings', 'state'].map(
    (volume): Attack => [
      `${container}: the sidecar's ${volume}`,
      'volumeMounts',
      mount(container, { name: `actiongrant-${volume}`, mountPath: '/mine', readOnly: true }),
    ],
  ),
  [
    `${container}: the agent's files, to write`,
    'volumeMounts',
    replace(`${container}/volumeMounts/1/readOnly`, false),
  ],
  [
    `${container}: the agent's files a second time, to write`,
    'volumeMounts',
    mount(container, { name: 'actiongrant-agent', mountPath: '/mine' }),
  ],
  [
    `${container}: something else over the agent's files`,
    'volumeMounts',
    mount(container, { name: 'data', mountPath: `${AGENT_DIRECTORY}/token` }),
  ],
  [
    `${container}: something else over them by another path`,
    'volumeMounts',
    mount(container, { name: 'data', mountPath: '/run/secrets/kubernetes.io/serviceaccount' }),
  ],
  [
    `${container}: something else where they are`,
    'volumeMounts',
    replace(`${container}/volumeMounts/1/name`, 'data'),
  ],
  [
    `${container}: a variable from the sidecar's state, which the kubelet reads`,
    'env.valueFrom.fileKeyRef',
    add(`${container}/env`, [
      {
        name: 'KEY',
        valueFrom: { fileKeyRef: { volumeName: 'actiongrant-state', path: 'ca.key', key: 'KEY' } },
      },
    ]),
  ],
  [
    `${container}: no agent's files`,
    'spec.containers.volumeMounts',
    remove(`${container}/volumeMounts/1`),
  ],
]);

const RESTRICTED: readonly Attack[] = [PREPARE, AGENT, HELPER].flatMap((container): Attack[] => {
  const security = `${container}/securityContext`;
  return [
    [`${container}: no securityContext`, 'securityContext', remove(security)],
    [
      `${container}: privileged`,
      'securityContext',
      add(`${security}/privileged`, true),
      replace(`${security}/allowPrivilegeEscalation`, true),
    ],
    [
      `${container}: escalation`,
      'securityContext',
      replace(`${security}/allowPrivilegeEscalation`, true),
    ],
    [
      `${container}: escalation by default`,
      'securityContext',
      remove(`${security}/allowPrivilegeEscalation`),
    ],
    ...['NET_ADMIN', 'NET_RAW', 'SYS_PTRACE', 'SETUID', 'ALL'].map(
      (capability): Attack => [
        `${container}: ${capability}`,
        'securityContext',
        replace(`${security}/capabilities/add`, [capability]),
      ],
    ),
    [
      `${container}: the default capabilities`,
      'securityContext',
      remove(`${security}/capabilities/drop`),
    ],
    [
      `${container}: one capability dropped instead of all`,
      'securityContext',
      replace(`${security}/capabilities/drop`, ['NET_RAW']),
    ],
    [
      `${container}: the sidecar's user`,
      'securityContext.runAsUser',
      add(`${security}/runAsUser`, SIDECAR_UID),
    ],
    [
      `${container}: root`,
      'securityContext.runAsUser',
      add(`${security}/runAsUser`, 0),
      add(`${security}/runAsNonRoot`, false),
    ],
    [
      `${container}: perhaps root`,
      'securityContext.runAsUser',
      add(`${security}/runAsNonRoot`, false),
    ],
    [
      `${container}: the sidecar's group`,
      'securityContext.runAsUser',
      add(`${security}/runAsGroup`, SIDECAR_UID),
    ],
    [
      `${container}: no seccomp`,
      'securityContext.seccompProfile',
      add(`${security}/seccompProfile`, { type: 'Unconfined' }),
    ],
    [
      `${container}: no AppArmor`,
      'securityContext.seccompProfile',
      add(`${security}/appArmorProfile`, { type: 'Unconfined' }),
    ],
    [
      `${container}: a wide SELinux type`,
      'securityContext.seccompProfile',
      add(`${security}/seLinuxOptions`, { type: 'spc_t' }),
    ],
    [
      `${container}: a port of the sidecar`,
      'ports',
      add(`${container}/ports/-`, { containerPort: 15001 }),
    ],
    [
      `${container}: SCTP`,
      'ports',
      add(`${container}/ports/-`, { containerPort: 9999, protocol: 'SCTP' }),
    ],
    [`${container}: a port of the node`, 'ports', add(`${container}/ports/0/hostPort`, 8080)],
    ...(container === PREPARE
      ? []
      : [
          [
            `${container}: a probe that goes elsewhere`,
            'livenessProbe.httpGet.host',
            add(`${container}/livenessProbe`, {
              httpGet: { host: 'evil.example', path: '/', port: 80 },
            }),
          ] satisfies Attack,
          [
            `${container}: a probe of a port of the sidecar`,
            'ports',
            add(`${container}/readinessProbe`, { tcpSocket: { port: 15001 } }),
          ] satisfies Attack,
          [
            `${container}: a gRPC probe of a port of the sidecar`,
            'ports',
            add(`${container}/livenessProbe`, { grpc: { port: 15020 } }),
          ] satisfies Attack,
          [
            `${container}: a hook that calls a port of the sidecar`,
            'ports',
            add(`${container}/lifecycle`, { preStop: { httpGet: { path: '/', port: 15006 } } }),
          ] satisfies Attack,
          [
            `${container}: a hook that goes elsewhere`,
            'livenessProbe.httpGet.host',
            add(`${container}/lifecycle`, {
              postStart: { httpGet: { host: '169.254.169.254', path: '/', port: 80 } },
            }),
          ] satisfies Attack,
        ]),
  ];
});

const WHOLE_POD: readonly Attack[] = [
  [
    'the network of the node',
    'spec',
    add('/spec/hostNetwork', true),
    remove(`${PREPARE}/ports`),
    remove(`${HELPER}/ports`),
  ],
  ['Windows', 'spec.os', add('/spec/nodeSelector', { 'kubernetes.io/os': 'windows' })],
  ['the processes of the node', 'spec', add('/spec/hostPID', true)],
  ['the IPC of the node', 'spec', add('/spec/hostIPC', true)],
  ['the processes of the sidecar', 'spec', add('/spec/shareProcessNamespace', true)],
  [
    'a sysctl',
    'spec.securityContext',
    add(`${POD}/sysctls`, [{ name: 'net.ipv4.ip_forward', value: '1' }]),
  ],
  ["the sidecar's group", 'spec.securityContext', replace(`${POD}/runAsGroup`, SIDECAR_UID)],
  [
    "the sidecar's group for volumes",
    'spec.securityContext',
    replace(`${POD}/fsGroup`, SIDECAR_UID),
  ],
  [
    "the sidecar's group besides",
    'spec.securityContext',
    add(`${POD}/supplementalGroups/-`, SIDECAR_UID),
  ],
  ['no AppArmor', 'spec.securityContext', add(`${POD}/appArmorProfile`, { type: 'Unconfined' })],
  [
    'no AppArmor for the sidecar, by annotation',
    'spec.initContainers',
    add('/metadata/annotations', {
      'container.apparmor.security.beta.kubernetes.io/actiongrant': 'unconfined',
    }),
  ],
  [
    'an AppArmor profile of its own for the sidecar, by annotation',
    'spec.initContainers',
    add('/metadata/annotations', {
      'container.apparmor.security.beta.kubernetes.io/actiongrant': 'localhost/mine',
    }),
  ],
  ['an SELinux role', 'spec.securityContext', add(`${POD}/seLinuxOptions`, { role: 'system_r' })],
  ["the sidecar's user", 'securityContext.runAsUser', replace(`${POD}/runAsUser`, SIDECAR_UID)],
  ['no user', 'securityContext.runAsUser', remove(`${POD}/runAsUser`)],
  ['root', 'securityContext.runAsUser', replace(`${POD}/runAsUser`, 0)],
  [
    'no seccomp, though each container says otherwise',
    'spec.securityContext',
    replace(`${POD}/seccompProfile`, { type: 'Unconfined' }),
    ...[PREPARE, AGENT, HELPER].map((container) =>
      add(`${container}/securityContext/seccompProfile`, { type: 'RuntimeDefault' }),
    ),
  ],
  ['no seccomp', 'securityContext.seccompProfile', remove(`${POD}/seccompProfile`)],
  [
    'an alias of another name for an address',
    'spec.hostAliases',
    add('/spec/hostAliases', [{ ip: '203.0.113.1', hostnames: ['edr.example.com'] }]),
  ],
  [
    'a resolver of its own in the pod',
    'spec.dnsConfig',
    add('/spec/dnsPolicy', 'None'),
    add('/spec/dnsConfig', { nameservers: ['127.0.0.1'] }),
  ],
  [
    "a resolver besides the cluster's",
    'spec.dnsConfig',
    add('/spec/dnsConfig', { nameservers: ['203.0.113.1'] }),
  ],
  ["the node's resolver", 'spec.dnsConfig', add('/spec/dnsPolicy', 'Default')],
  [
    'a resolver behind an option, on a line of its own',
    'spec.dnsConfig',
    add('/spec/dnsConfig', { options: [{ name: 'timeout', value: '1\nnameserver 127.0.0.1' }] }),
  ],
  [
    'a resolver behind the name of an option',
    'spec.dnsConfig',
    add('/spec/dnsConfig', { options: [{ name: 'edns0\nnameserver 127.0.0.1' }] }),
  ],
  [
    "another host's name",
    'spec.hostnameOverride',
    add('/spec/hostnameOverride', 'edr.example.com'),
  ],
];

/** What an API server that does not have a field makes of the attack that needs it. */
type Without =
  /** It drops the fields of these names, and the pod is created without them. */
  | { readonly dropped: readonly string[] }
  /** What is left is not valid: a part of what it says. */
  | { readonly invalid: string }
  /** It has the field in two places, of which the policy names the other. */
  | { readonly field: string };

/** It lacks these fields, or has them behind a gate that is off. Attacks by the end of what they are called. */
const ON_KUBERNETES_1_33: readonly (readonly [attack: string, Without])[] = [
  [': a device', { dropped: ['resourceClaims', 'claims'] }],
  [
    ": a variable from the sidecar's state, which the kubelet reads",
    { invalid: 'env[0].valueFrom: Invalid value: "": must specify one of' },
  ],
  [': no AppArmor', { field: 'spec.securityContext' }],
  ["another host's name", { dropped: ['hostnameOverride'] }],
];

function withoutTheField(attack: string): Without | undefined {
  if (minorVersion > 33) return undefined;
  return ON_KUBERNETES_1_33.find(([end]) => attack.endsWith(end))?.[1];
}

function expectWithout(response: ApiResponse<unknown>, without: Without): void {
  if ('field' in without) {
    expectRefusal(response, 'actiongrant-pods', without.field);
  } else if ('invalid' in without) {
    expect(response).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
    expect((response.body as { message: string }).message).toContain(without.invalid);
  } else {
    expect(response.status).toBe(201);
    const text = JSON.stringify(response.body);
    for (const name of without.dropped) expect(text).not.toContain(`"${name}"`);
  }
}

describe('a pod of an injected namespace', () => {
  test('is created as it was injected, by a tenant with the rights of `edit`', async () => {
    for (const role of ['system:aggregate-to-edit', 'system:aggregate-to-view']) {
      await plane.api(
        'POST',
        `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
        {
          metadata: { name: role.replaceAll(':', '-') },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'tenant' }],
        },
      );
    }
    await untilAllowed(plane, { user: 'tenant' }, ['create pods', 'get pods'], namespace);
    const as = await plane.kubeconfigFor({ user: 'tenant' });
    const good = await plane.kubectl(['create', '-n', namespace, '-f', '-'], {
      as,
      input: JSON.stringify(anInjectedPod('by-tenant')),
    });
    expect(good).toMatchObject({ code: 0, stdout: 'pod/by-tenant created\n' });
    const bad = await plane.kubectl(['create', '-n', namespace, '-f', '-'], {
      as,
      input: JSON.stringify(changed(anInjectedPod('bad'), [replace(`${SIDECAR}/image`, 'evil')])),
    });
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('run the image of the installed release and no other');
  });

  test('is created as the webhook makes it of an ordinary pod', async () => {
    const ordinary: Pod = {
      metadata: { name: 'ordinary' },
      spec: {
        containers: [{ name: 'agent', ports: [{ containerPort: 8080 }], ...{ image: 'agent' } }],
      },
    };
    const result = inject(ordinary, {
      image: SIDECAR_IMAGE,
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: ['registry'],
      resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '256Mi' } },
    });
    expect(result).toHaveProperty('injected');
    const { injected } = result as { injected: Pod };
    expect(await plane.request('POST', podsPath(), injected)).toMatchObject({ status: 201 });
    const refused = await plane.request('POST', podsPath(), ordinary);
    expectRefusal(refused, 'actiongrant-pods', 'spec.initContainers');
  });

  test.for<readonly [string, ...Change[]]>([
    [
      'the image is pulled always (AlwaysPullImages)',
      replace(`${SIDECAR}/imagePullPolicy`, 'Always'),
    ],
    ['a LimitRange added limits', add(`${SIDECAR}/resources/limits/cpu`, '1')],
    ['there are no open ports', remove(`${INIT}/env/0/value`)],
    [
      'Secrets are named to pull images with, twice even',
      add('/spec/imagePullSecrets', [{ name: 'own' }, { name: 'registry' }, { name: 'own' }]),
    ],
    ['it is for a certain node', add('/spec/nodeName', 'node-1')],
    ['a container has its own user', add(`${AGENT}/securityContext/runAsUser`, 4711)],
    [
      'volumes of every restricted type are mounted',
      add('/spec/volumes/-', { name: 'a', configMap: { name: 'a' } }),
      add('/spec/volumes/-', { name: 'b', secret: { secretName: 'b' } }),
      add('/spec/volumes/-', { name: 'c', persistentVolumeClaim: { claimName: 'c' } }),
      add('/spec/volumes/-', { name: 'd', downwardAPI: { items: [] } }),
    ],
    ['there is only one container', remove(HELPER), remove(PREPARE)],
    [
      'it has search domains and options of its own',
      add('/spec/dnsConfig', {
        searches: ['corp.example'],
        options: [{ name: 'edns0' }, { name: 'ndots', value: '1' }],
      }),
    ],
    [
      'its probes and hooks call ports of its own, by number and by name',
      add(`${AGENT}/ports/0/name`, 'web'),
      add(`${AGENT}/livenessProbe`, { grpc: { port: 9000 } }),
      add(`${AGENT}/readinessProbe`, { httpGet: { path: '/', port: 'web' } }),
      add(`${AGENT}/lifecycle`, { preStop: { httpGet: { path: '/', port: 8080 } } }),
    ],
    [
      'an alias means loopback',
      add('/spec/hostAliases', [
        { ip: '127.0.0.1', hostnames: ['a'] },
        { ip: '::1', hostnames: ['b'] },
      ]),
    ],
  ])('is allowed when %s', async ([, ...changes]) => {
    expect(await create(changes)).toMatchObject({ status: 201 });
  });

  test.for([...OURS, ...VOLUMES, ...MOUNTS, ...RESTRICTED, ...WHOLE_POD])(
    'is refused with %s',
    async ([attack, field, ...changes]) => {
      const response = await create(changes);
      const without = withoutTheField(attack);
      if (without === undefined) expectRefusal(response, 'actiongrant-pods', field);
      else expectWithout(response, without);
    },
  );

  test('is refused as the image of a static pod', async () => {
    const mirror = {
      metadata: { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } },
      spec: { nodeName: 'node-1', containers: [{ name: 'agent', image: 'agent' }] },
    };
    const refused = await plane.request('POST', podsPath(), mirror);
    expectRefusal(refused, 'actiongrant-pods', 'metadata.annotations');
  });

  test('is named with the containers that are wrong', async () => {
    const { body } = await create([
      replace(`${HELPER}/securityContext/capabilities/add`, ['NET_RAW']),
      remove(`${PREPARE}/securityContext/allowPrivilegeEscalation`),
    ]);
    expect((body as { message?: string }).message).toContain(
      'securityContext: prepare, helper: an agent',
    );
  });

  test('with very many containers is judged within the budget of the API server', async () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      add('/spec/containers/-', anAgentContainer(`agent-${index}`)),
    );
    expect(await create(many)).toMatchObject({ status: 201 });
    const last = many.length + 1;
    const refused = await create([
      ...many,
      add(`/spec/containers/${last}/securityContext/privileged`, true),
      replace(`/spec/containers/${last}/securityContext/allowPrivilegeEscalation`, true),
    ]);
    expectRefusal(refused, 'actiongrant-pods', 'securityContext');
  });

  test('of another namespace is its own business', async () => {
    const own = { name: 'own', image: 'own', securityContext: { privileged: true } };
    const pod = { metadata: { name: 'own' }, spec: { containers: [own], hostNetwork: true } };
    expect((await plane.request('POST', podsPath(unlabelled), pod)).status).toBe(201);
  });
});

describe('a pod that runs', () => {
  const OLD_IMAGE = [
    replace(`${INIT}/image`, 'actiongrant:0.0.9'),
    replace(`${SIDECAR}/image`, 'actiongrant:0.0.9'),
  ];
  let count = 0;

  /** An injected pod of an earlier release, in a namespace that is labelled after it was created. */
  async function aRunningPod(changes: readonly Change[] = []): Promise<string> {
    const name = `running-${count++}`;
    const pod = changed(anInjectedPod(name), [...OLD_IMAGE, ...changes]);
    await label(null);
    await plane.api('POST', podsPath(), pod);
    await label('enabled');
    return name;
  }

  /** Sets the label, and waits until admission has seen it. */
  async function label(value: string | null): Promise<void> {
    await plane.api(
      'PATCH',
      `/api/v1/namespaces/${namespace}`,
      { metadata: { labels: { 'actiongrant.dev/inject': value } } },
      { contentType: 'application/merge-patch+json' },
    );
    await expect
      .poll(async () => (await create([remove(INIT)])).status, { timeout: 10_000, interval: 50 })
      .toBe(value === null ? 201 : 403);
  }

  const patch = (path: string, changes: readonly Change[]) =>
    plane.request('PATCH', path, changes, { contentType: 'application/json-patch+json' });

  test('takes labels, annotations, finalizers, tolerations and an image of its own after an upgrade', async () => {
    const name = await aRunningPod();
    const answer = await patch(podPath(name), [
      add('/metadata/labels', { team: 'soc' }),
      add('/metadata/annotations', { team: 'soc' }),
      add('/metadata/finalizers', ['example.com/keep']),
      add('/spec/tolerations/-', { operator: 'Exists' }),
      replace(`${AGENT}/image`, 'agent.invalid/agent:next'),
    ]);
    expect(answer).toMatchObject({ status: 200 });
    const status = await patch(podPath(name, '/status'), [add('/status/phase', 'Running')]);
    expect(status.status).toBe(200);
  });

  test('that was never injected can be written to', async () => {
    const name = await aRunningPod([remove(PREPARE), remove(SIDECAR), remove(INIT)]);
    expect((await patch(podPath(name), [add('/metadata/labels', { a: 'b' })])).status).toBe(200);
  });

  test.for([INIT, SIDECAR])('keeps the image of %s', async (ours) => {
    const name = await aRunningPod();
    for (const image of ['evil', SIDECAR_IMAGE]) {
      const refused = await patch(podPath(name), [replace(`${ours}/image`, image)]);
      expectRefusal(refused, 'actiongrant-pod-updates', 'spec.initContainers');
    }
  });

  test('keeps the resources of the sidecar, and may resize the agent', async () => {
    const name = await aRunningPod();
    // Not memory: an API server of 1.33 lets nobody lower its limit.
    const resources = { requests: { cpu: '1m' } };
    const resize = (container: string) =>
      plane.request(
        'PATCH',
        podPath(name, '/resize'),
        container === 'agent'
          ? { spec: { containers: [{ name: 'agent', resources: { requests: { cpu: '20m' } } }] } }
          : { spec: { initContainers: [{ name: container, resources }] } },
        { contentType: 'application/strategic-merge-patch+json' },
      );
    expectRefusal(await resize('actiongrant'), 'actiongrant-pod-updates', 'spec.initContainers');
    // Not refused by us: the pod's class of service must not change.
    expect(JSON.stringify((await resize('agent')).body)).not.toContain('actiongrant-pod-updates');
  });

  const debug = {
    name: 'debug',
    image: 'debug',
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    },
  };
  const attach = (name: string, container: object) =>
    plane.request(
      'PATCH',
      podPath(name, '/ephemeralcontainers'),
      { spec: { ephemeralContainers: [container] } },
      { contentType: 'application/strategic-merge-patch+json' },
    );

  // The kubelet may start it before there is a packet filter whenever it makes the sandbox anew; what was says nothing of that.
  test('takes no ephemeral container, however restricted it is and whatever the kubelet reports', async () => {
    const name = await aRunningPod();
    const restricted = { ...debug, targetContainerName: 'agent' };
    const field = 'spec.ephemeralContainers';
    expectRefusal(await attach(name, restricted), 'actiongrant-pod-updates', field);
    await reportSidecar(plane, { namespace, name });
    const refused = await attach(name, restricted);
    expectRefusal(refused, 'actiongrant-pod-updates', field);
    expect(JSON.stringify(refused.body)).toContain(
      `kubectl debug ${name} --namespace=${namespace} --copy-to=`,
    );
  });

  test('keeps the ephemeral container that it had, and takes no second', async () => {
    const name = await aRunningPod();
    await label(null);
    expect(await attach(name, debug)).toMatchObject({ status: 200 });
    await label('enabled');
    expect((await patch(podPath(name), [add('/metadata/labels', { a: 'b' })])).status).toBe(200);
    await reportSidecar(plane, { namespace, name });
    const second = await attach(name, { ...debug, name: 'second' });
    expectRefusal(second, 'actiongrant-pod-updates', 'spec.ephemeralContainers');
  });

  test.for(['exec', 'attach'])('lets nobody %s into our containers', async (subresource) => {
    const name = await aRunningPod();
    for (const container of ['actiongrant', 'actiongrant-init']) {
      const command = subresource === 'exec' ? '&command=cat' : '';
      const query = `?container=${container}${command}&stdout=true`;
      for (const method of ['POST', 'GET'] as const) {
        const refused = await plane.request(method, podPath(name, `/${subresource}${query}`));
        expectRefusal(refused, 'actiongrant-exec', 'container');
      }
      const twice = `?container=${container}&container=agent${command}&stdout=true`;
      const refused = await plane.request('POST', podPath(name, `/${subresource}${twice}`));
      expectRefusal(refused, 'actiongrant-exec', 'container');
    }
    const allowed = await plane.request(
      'POST',
      podPath(name, `/${subresource}?container=agent&command=cat&stdout=true`),
    );
    // It gets as far as looking for the pod's node.
    expect(JSON.stringify(allowed.body)).toContain('does not have a host assigned');
  });

  test('has no port forwarded to it', async () => {
    const name = await aRunningPod();
    const refused = await plane.kubectl(['port-forward', '-n', namespace, `pod/${name}`, '15001']);
    expect(refused.code).toBe(1);
    const asked = await plane.request('POST', podPath(name, '/portforward?ports=15001'));
    expectRefusal(asked, 'actiongrant-exec', 'portforward');
  });
});

describe("the sidecars' settings", () => {
  const NAME = 'actiongrant-sidecar';
  const path = (where = namespace) => `/api/v1/namespaces/${where}/configmaps`;
  const settings = (name = NAME) => ({ metadata: { name }, data: { 'settings.json': '{}' } });
  const asController = () => ({ as: chart.controllerKubeconfig });
  const mighty = async (user: string) => ({
    as: await plane.kubeconfigFor({ user, groups: ['system:masters'] }),
  });

  test('are created, changed and deleted by the controller, and by nobody else', async () => {
    for (const where of [namespace, unlabelled]) {
      const refused = await plane.request('POST', path(where), settings());
      expectRefusal(refused, 'actiongrant-settings', 'metadata.name');
    }
    const created = await plane.request('POST', path(), settings(), asController());
    expect(created.status).toBe(201);
    const object = `${path()}/${NAME}`;
    const change = { ...created.body, data: { 'settings.json': '{"evil": "1"}' } };
    for (const refused of [
      await plane.request('PUT', object, change),
      await plane.request('DELETE', object),
      await plane.request('DELETE', path()),
      await plane.request(
        'PATCH',
        object,
        { immutable: true },
        { contentType: 'application/merge-patch+json' },
      ),
    ]) {
      expectRefusal(refused, 'actiongrant-settings', 'metadata.name');
    }
    expect((await plane.request('PUT', object, change, asController())).status).toBe(200);
    expect((await plane.request('DELETE', object, {}, asController())).status).toBe(200);
  });

  test('go with their namespace', async () => {
    await plane.api('POST', path(), settings(), asController());
    const collector = await mighty('system:serviceaccount:kube-system:namespace-controller');
    expect((await plane.request('DELETE', path(), undefined, collector)).status).toBe(200);
    const written = await plane.request('POST', path(), settings(), collector);
    expectRefusal(written, 'actiongrant-settings', 'metadata.name');
  });

  test('are the only ConfigMap that the controller writes among agents', async () => {
    const as = await mighty(chart.controllerUsername);
    for (const name of ['kube-root-ca.crt', 'actiongrant-ca', 'app-config']) {
      const refused = await plane.request('POST', path(), settings(name), as);
      expectRefusal(refused, 'actiongrant-settings', 'metadata.name');
    }
    const home = await plane.request('POST', path(chart.namespace), settings('actiongrant-ca'), as);
    expect(home.status).toBe(201);
  });

  test('are no concern of other ConfigMaps', async () => {
    expect((await plane.request('POST', path(), settings('mine'))).status).toBe(201);
    expect((await plane.request('DELETE', `${path()}/mine`)).status).toBe(200);
  });
});
