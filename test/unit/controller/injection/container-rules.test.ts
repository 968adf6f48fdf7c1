import { describe, expect, test } from 'vitest';
import { CONTAINER_RULES } from '../../../../controller/injection/container-rules.ts';
import { AGENT_MOUNT } from '../../../../controller/injection/injected-containers.ts';
import { faultsOf } from '../../../../controller/injection/rule.ts';
import type { Container, PodSecurityContext } from '../../../../controller/pods/pod.ts';
import { AGENT_DIRECTORY, SIDECAR_PORTS } from '../../../../core/api/pod-layout.ts';
import { aContainer, aPod, refusedFields } from '../../../support/pods.ts';

type Fields = Partial<Container> & Record<string, unknown>;
type Case = readonly [field: string, container: Fields, pod?: PodSecurityContext];

const SIDECAR = 64464;
const PORTS = Object.values(SIDECAR_PORTS);
const HANDLERS = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const inContext = (securityContext: object): Fields => ({ securityContext });
const withMount = (name: string, mountPath: string): Fields => ({
  volumeMounts: [{ name, mountPath }],
});

/** One change of a container that injection would accept, and the field that is refused. */
const BROKEN: readonly Case[] = [
  ['name', { name: 'actiongrant' }],
  ['name', { name: 'actiongrant-init' }],
  ['securityContext.privileged', inContext({ privileged: true })],
  ['securityContext.allowPrivilegeEscalation', inContext({ allowPrivilegeEscalation: true })],
  ['securityContext.capabilities.add', inContext({ capabilities: { add: ['NET_RAW'] } })],
  [
    'securityContext.capabilities.add',
    inContext({ capabilities: { add: ['NET_BIND_SERVICE', 'SYS_ADMIN'] } }),
  ],
  ['securityContext.runAsUser', inContext({ runAsUser: 0 })],
  ['securityContext.runAsUser', inContext({ runAsUser: SIDECAR })],
  ['securityContext.runAsUser', {}, { runAsUser: 0 }],
  ['securityContext.runAsUser', {}, { runAsUser: SIDECAR }],
  ['securityContext.runAsNonRoot', inContext({ runAsNonRoot: false })],
  ['securityContext.runAsNonRoot', {}, { runAsNonRoot: false }],
  ['securityContext.runAsGroup', inContext({ runAsGroup: SIDECAR })],
  ['securityContext.runAsGroup', {}, { runAsGroup: SIDECAR }],
  ['securityContext.seccompProfile', inContext({ seccompProfile: {} })],
  ['securityContext.procMount', inContext({ procMount: 'Unmasked' })],
  ['ports[0].hostPort', { ports: [{ containerPort: 80, hostPort: 80 }] }],
  ...PORTS.flatMap((port): Case[] => [
    ['ports[0].containerPort', { ports: [{ containerPort: port }] }],
    ...['httpGet', 'tcpSocket', 'grpc'].map(
      (kind): Case => [`livenessProbe.${kind}.port`, { livenessProbe: { [kind]: { port } } }],
    ),
    ['lifecycle.preStop.httpGet.port', { lifecycle: { preStop: { httpGet: { port } } } }],
  ]),
  ['startupProbe.httpGet.port', { startupProbe: { httpGet: { port: '15020' } } }],
  ['ports[0].protocol', { ports: [{ containerPort: 80, protocol: 'SCTP' }] }],
  ...HANDLERS.flatMap((probe): Case[] =>
    ['httpGet', 'tcpSocket'].map((kind) => [
      `${probe}.${kind}.host`,
      { [probe]: { [kind]: { host: 'evil.example', port: 80 } } },
    ]),
  ),
  ...['postStart', 'preStop'].map(
    (hook): Case => [
      `lifecycle.${hook}.httpGet.host`,
      { lifecycle: { [hook]: { httpGet: { host: '169.254.169.254', port: 80 } } } },
    ],
  ),
  ['targetContainerName', { targetContainerName: 'actiongrant' }],
  ['targetContainerName', { targetContainerName: 'actiongrant-init' }],
  ...['token', 'settings', 'state'].map(
    (volume): Case => ['volumeMounts[0].name', withMount(`actiongrant-${volume}`, '/x')],
  ),
  ...['actiongrant-state', 'actiongrant-agent'].map(
    (volumeName): Case => [
      'env[0].valueFrom.fileKeyRef.volumeName',
      { env: [{ name: 'KEY', valueFrom: { fileKeyRef: { volumeName } } }] },
    ],
  ),
  ...[
    AGENT_DIRECTORY,
    `${AGENT_DIRECTORY}/`,
    `${AGENT_DIRECTORY}/token`,
    '/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    '/var/run/../run/secrets//kubernetes.io/./serviceaccount',
    AGENT_DIRECTORY.slice(1),
  ].map((mountPath): Case => ['volumeMounts[0].mountPath', withMount('mine', mountPath)]),
];

describe('a container breaks a rule, as it is submitted', () => {
  test.for(BROKEN)('%s: %j', ([field, fields, securityContext]) => {
    const pod = aPod({
      ...(securityContext && { securityContext }),
      containers: [aContainer(fields)],
    });
    expect(refusedFields(pod)).toEqual([`spec.containers[0].${field}`]);
  });
});

/** Everything that the rules ask for. */
function aRestrictedContainer(fields: Fields = {}): Container {
  return aContainer({
    volumeMounts: [AGENT_MOUNT],
    ...fields,
    securityContext: restricted(fields),
  });
}

function restricted({ securityContext = {} }: Fields): object {
  return {
    allowPrivilegeEscalation: false,
    runAsUser: 1000,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    ...securityContext,
    capabilities: { drop: ['ALL'], ...securityContext.capabilities },
  };
}

const fieldsOf = (container: Container, pod: PodSecurityContext = {}): string[] =>
  faultsOf(CONTAINER_RULES, { container, pod }, (field) => field).map(({ field }) => field);

/** What injection puts right, so that only a pod that went around it can have it. */
const LEFT_OUT: readonly (readonly [field: string, container: Container])[] = [
  [
    'securityContext.allowPrivilegeEscalation',
    aRestrictedContainer(inContext({ allowPrivilegeEscalation: undefined })),
  ],
  [
    'securityContext.capabilities.drop',
    aRestrictedContainer(inContext({ capabilities: { drop: ['NET_RAW'] } })),
  ],
  ['securityContext.runAsUser', aRestrictedContainer(inContext({ runAsUser: undefined }))],
  ['securityContext.runAsNonRoot', aRestrictedContainer(inContext({ runAsNonRoot: undefined }))],
  [
    'securityContext.seccompProfile',
    aRestrictedContainer(inContext({ seccompProfile: undefined })),
  ],
  ['volumeMounts', aRestrictedContainer({ volumeMounts: [] })],
  ['volumeMounts', aRestrictedContainer({ volumeMounts: [AGENT_MOUNT, AGENT_MOUNT] })],
  ['volumeMounts', aRestrictedContainer({ volumeMounts: [{ ...AGENT_MOUNT, readOnly: false }] })],
  [
    'volumeMounts',
    aRestrictedContainer({ volumeMounts: [{ ...AGENT_MOUNT, mountPath: '/elsewhere' }] }),
  ],
];

describe('a container breaks a rule, as it is stored', () => {
  test.for(LEFT_OUT)('%s: %j', ([field, container]) => {
    expect(fieldsOf(container)).toEqual([field]);
  });

  test('of each kind', () => {
    const containers = [
      ...BROKEN.map(([, fields]) => aRestrictedContainer(fields)),
      ...LEFT_OUT.map(([, container]) => container),
    ];
    const unbroken = CONTAINER_RULES.filter(
      (rule) => !containers.some((container) => rule.broken({ container, pod: {} }).length > 0),
    );
    expect(unbroken).toEqual([]);
  });
});

describe('a container keeps to every rule', () => {
  test.for<[what: string, container: Container, pod?: PodSecurityContext]>([
    ['one that is restricted', aRestrictedContainer()],
    [
      'one whose pod is',
      aRestrictedContainer(
        inContext({ runAsUser: undefined, runAsNonRoot: undefined, seccompProfile: undefined }),
      ),
      { runAsUser: 1000, runAsNonRoot: true, seccompProfile: { type: 'Localhost' } },
    ],
    ['one with a user of its own in a pod of root', aRestrictedContainer(), { runAsUser: 0 }],
    [
      'one that listens below 1024',
      aRestrictedContainer({
        ...inContext({ capabilities: { add: ['NET_BIND_SERVICE'] } }),
        ports: [
          { containerPort: 53, protocol: 'UDP' },
          { containerPort: 80, hostPort: 0 },
        ],
      }),
    ],
    [
      'one that is called on ports of its own',
      aRestrictedContainer({
        livenessProbe: { grpc: { port: 9000 } },
        readinessProbe: { httpGet: { port: 'web', host: '' } },
        lifecycle: { preStop: { tcpSocket: { port: 8080 } } },
      }),
    ],
    ['one that looks at another', aRestrictedContainer({ targetContainerName: 'agent' })],
    ['a name that only begins like ours', aRestrictedContainer({ name: 'actiongrant-2' })],
    [
      'a variable from a file of its own',
      aRestrictedContainer({
        env: [{ name: 'KEY', valueFrom: { fileKeyRef: { volumeName: 'mine' } } }],
      }),
    ],
    ...[`${AGENT_DIRECTORY}s`, '/var/run', '/run/secrets'].map((mountPath): [string, Container] => [
      `a mount at ${mountPath}`,
      aRestrictedContainer({ volumeMounts: [{ name: 'a', mountPath }, AGENT_MOUNT] }),
    ]),
  ])('%s', ([, container, pod]) => {
    expect(fieldsOf(container, pod)).toEqual([]);
  });
});
