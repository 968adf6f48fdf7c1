import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inject } from '../../../../controller/injection/inject.ts';
import type { SidecarImage } from '../../../../controller/injection/injected-containers.ts';
import { injectionFault } from '../../../../controller/injection/verify.ts';
import type { Pod } from '../../../../controller/pods/pod.ts';
import { AGENT_DIRECTORY } from '../../../../core/api/pod-layout.ts';
import { aContainer, accepted, aPod, injected, SIDECAR_IMAGE } from '../../../support/pods.ts';
import { anyPod, pullSecrets } from './any-pod.ts';

const AGENT_MOUNT = { name: 'actiongrant-agent', mountPath: AGENT_DIRECTORY, readOnly: true };

/** What is refused, by field. */
function refused(pod: Pod): string[] {
  const injection = inject(pod, SIDECAR_IMAGE);
  return 'faults' in injection ? injection.faults.map(({ field }) => field) : [];
}

const firstContainer = (pod: Pod) => pod.spec?.containers?.[0];

describe('an ordinary pod', () => {
  test('gets net-init first, then the sidecar, then its own init containers in their order', () => {
    const { spec } = injected(
      aPod({
        initContainers: [
          aContainer({ name: 'migrate' }),
          aContainer({ name: 'log-shipper', restartPolicy: 'Always' }),
        ],
      }),
    );
    expect(spec?.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
      ['actiongrant-init', undefined],
      ['actiongrant', 'Always'],
      ['migrate', undefined],
      ['log-shipper', 'Always'],
    ]);
    expect(spec?.initContainers?.slice(0, 2)).toMatchObject([
      { image: SIDECAR_IMAGE.image, resources: SIDECAR_IMAGE.resources },
      { image: SIDECAR_IMAGE.image, resources: SIDECAR_IMAGE.resources },
    ]);
  });

  test('has every other container restricted, and nothing but the agent volume of ours in it', () => {
    const container = firstContainer(injected());
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      runAsUser: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container?.volumeMounts).toEqual([AGENT_MOUNT]);
  });

  test('keeps what it says itself, what injection knows nothing of included', () => {
    const pod = aPod({
      schedulerName: 'mine',
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      securityContext: { runAsUser: 1000, runAsNonRoot: true, fsGroup: 2000 },
      volumes: [{ name: 'scratch', emptyDir: {} }],
      containers: [
        aContainer({
          workingDir: '/work',
          resources: { limits: { 'nvidia.com/gpu': '1' } },
          volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
          securityContext: {
            readOnlyRootFilesystem: true,
            capabilities: { add: ['NET_BIND_SERVICE'], drop: ['NET_RAW'] },
            seccompProfile: { type: 'Localhost' },
          },
        }),
      ],
    });
    const { spec } = injected(pod);
    expect(spec).toMatchObject({
      schedulerName: 'mine',
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      securityContext: { runAsUser: 1000, runAsNonRoot: true, fsGroup: 2000 },
    });
    expect(spec?.containers?.[0]).toMatchObject({
      workingDir: '/work',
      resources: { limits: { 'nvidia.com/gpu': '1' } },
      volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }, AGENT_MOUNT],
      securityContext: {
        readOnlyRootFilesystem: true,
        capabilities: { add: ['NET_BIND_SERVICE'], drop: ['NET_RAW', 'ALL'] },
        seccompProfile: { type: 'Localhost' },
      },
    });
    // The pod's own user holds for its containers: nothing is set over it.
    expect(spec?.containers?.[0]?.securityContext).not.toHaveProperty('runAsUser');
    expect(spec?.volumes?.[0]).toEqual({ name: 'scratch', emptyDir: {} });
  });

  test('loses the identity that the ServiceAccount plugin has given it', () => {
    const mount = { name: 'kube-api-access-x7k2p', mountPath: AGENT_DIRECTORY, readOnly: true };
    const pod = aPod({
      volumes: [
        {
          name: 'kube-api-access-x7k2p',
          projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
        },
      ],
      initContainers: [aContainer({ name: 'init', volumeMounts: [mount] })],
      containers: [aContainer({ volumeMounts: [mount] })],
    });
    const { spec } = injected(pod);
    expect(spec?.automountServiceAccountToken).toBe(false);
    expect(spec?.volumes?.map(({ name }) => name)).toEqual([
      'actiongrant-token',
      'actiongrant-settings',
      'actiongrant-state',
      'actiongrant-agent',
    ]);
    expect(spec?.containers?.[0]?.volumeMounts).toEqual([AGENT_MOUNT]);
    expect(spec?.initContainers?.[2]?.volumeMounts).toEqual([AGENT_MOUNT]);
  });

  test('asks for a name once, and keeps its other DNS settings', () => {
    const dnsConfig = {
      searches: ['corp.example'],
      options: [{ name: 'ndots', value: '5' }, { name: 'edns0' }],
    };
    expect(injected(aPod({ dnsConfig })).spec?.dnsConfig).toEqual({
      searches: ['corp.example'],
      options: [{ name: 'edns0' }, { name: 'ndots', value: '1' }],
    });
    expect(injected().spec?.dnsConfig).toEqual({ options: [{ name: 'ndots', value: '1' }] });
  });
});

describe('the Secrets that images are pulled with', () => {
  const IMAGE: SidecarImage = { ...SIDECAR_IMAGE, imagePullSecrets: ['registry', 'mirror'] };
  const secretsOf = (pod: Pod, image = IMAGE) =>
    accepted(inject(pod, image)).spec?.imagePullSecrets;

  test.each([
    ['of a pod with none', undefined, ['registry', 'mirror']],
    ['of its own, which stay first', ['own', 'other'], ['own', 'other', 'registry', 'mirror']],
    ['that are there already', ['mirror', 'own'], ['mirror', 'own', 'registry']],
    ['that are there twice', ['own', 'mirror', 'own'], ['own', 'mirror', 'registry']],
  ])('are added to those %s', (_what, before, after) => {
    const pod = aPod(before && { imagePullSecrets: before.map((name) => ({ name })) });
    expect(secretsOf(pod)).toEqual(after.map((name) => ({ name })));
  });

  test('are those of the pod, as they are, if the operator names none', () => {
    const own = [{ name: 'own' }, { name: 'own' }];
    expect(secretsOf(aPod({ imagePullSecrets: own }), SIDECAR_IMAGE)).toEqual(own);
    expect(injected(aPod()).spec).not.toHaveProperty('imagePullSecrets');
  });
});

describe('the trust of clients', () => {
  const variables = (env: { name: string; value?: string; valueFrom?: object }[]) =>
    firstContainer(injected(aPod({ containers: [aContainer({ env })] })))?.env;

  test('is told in the variables of the usual ones', () => {
    expect(variables([])).toEqual(
      expect.arrayContaining([
        { name: 'SSL_CERT_FILE', value: `${AGENT_DIRECTORY}/ca.crt` },
        { name: 'NODE_EXTRA_CA_CERTS', value: `${AGENT_DIRECTORY}/ca.crt` },
        { name: 'WGETRC', value: `${AGENT_DIRECTORY}/wgetrc` },
      ]),
    );
  });

  test('never replaces what the container says itself', () => {
    const own = [
      { name: 'SSL_CERT_FILE', value: '/own.pem' },
      { name: 'NODE_EXTRA_CA_CERTS', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } },
      { name: 'JAVA_TOOL_OPTIONS', valueFrom: { configMapKeyRef: { name: 'a', key: 'c' } } },
    ];
    const env = variables(own);
    expect(env?.slice(0, 3)).toEqual(own);
    expect(new Set(env?.map(({ name }) => name)).size).toBe(env?.length);
  });

  test.each([
    ['-Xmx1g', /^-Xmx1g -Djavax\.net\.ssl\.trustStore=.*ca\.jks .*=changeit$/],
    ['', /^-Djavax\.net\.ssl\.trustStore=.*ca\.jks/],
    ['-Djavax.net.ssl.trustStore=/own.jks', /^-Djavax\.net\.ssl\.trustStore=\/own\.jks$/],
  ])("is added to Java's options %j", (value, expected) => {
    const java = variables([{ name: 'JAVA_TOOL_OPTIONS', value }])?.[0];
    expect(java?.value).toMatch(expected);
  });
});

describe('inbound', () => {
  const portsOf = (pod: Pod) => injected(pod).spec?.initContainers?.[0]?.env;

  test('nothing is open in a pod that declares nothing', () => {
    expect(portsOf(aPod())).toEqual([{ name: 'ACTIONGRANT_INBOUND_PORTS' }]);
  });

  test('what containers declare and the kubelet connects to is open, once', () => {
    const pod = aPod({
      initContainers: [
        aContainer({ name: 'mesh', restartPolicy: 'Always', ports: [{ containerPort: 9090 }] }),
      ],
      containers: [
        aContainer({
          ports: [
            { name: 'web', containerPort: 8080, protocol: 'TCP' },
            { name: 'dns', containerPort: 5353, protocol: 'UDP' },
          ],
          startupProbe: { tcpSocket: { port: 7000 } },
          readinessProbe: { httpGet: { port: 'web' } },
          livenessProbe: { grpc: { port: 9000 } },
          lifecycle: {
            postStart: { httpGet: { port: 7001 } },
            preStop: { httpGet: { port: 'nowhere' } },
          },
        }),
        aContainer({ name: 'other', livenessProbe: { httpGet: { port: 'web' } } }),
      ],
    });
    expect(portsOf(pod)).toEqual([
      {
        name: 'ACTIONGRANT_INBOUND_PORTS',
        value: '5353/udp,7000/tcp,7001/tcp,8080/tcp,9000/tcp,9090/tcp',
      },
    ]);
  });
});

describe('what looks injected already', () => {
  test('is written anew: no container, volume or mount with the name of ours survives', () => {
    const pod = aPod({
      volumes: [
        { name: 'actiongrant-token', emptyDir: {} },
        { name: 'mine', emptyDir: {} },
      ],
      initContainers: [
        aContainer({ name: 'mine' }),
        aContainer({ name: 'actiongrant', image: 'evil.example/sidecar', args: ['--inspect'] }),
        aContainer({ name: 'actiongrant-init', image: 'evil.example/init' }),
      ],
      containers: [
        aContainer({ volumeMounts: [{ name: 'actiongrant-agent', mountPath: '/everything' }] }),
      ],
    });
    const result = injected(pod);
    expect(JSON.stringify(result)).not.toMatch(/evil|inspect|everything/);
    expect(result.spec?.initContainers?.map(({ name }) => name)).toEqual([
      'actiongrant-init',
      'actiongrant',
      'mine',
    ]);
    expect(injectionFault(result)).toBeUndefined();
  });

  test('keeps what admission plugins added to an earlier injection', () => {
    const [init, sidecar] = injected().spec?.initContainers ?? [];
    const before = aContainer({
      ...sidecar,
      imagePullPolicy: 'Always',
      resources: { limits: { cpu: '1', memory: '1Mi', 'nvidia.com/gpu': '8' } },
    });
    const { spec } = injected(aPod({ initContainers: [init ?? before, before] }));
    expect(spec?.initContainers?.[1]).toMatchObject({ imagePullPolicy: 'Always' });
    expect(spec?.initContainers?.[1]?.resources).toEqual({
      limits: { cpu: '1', memory: '256Mi' },
      requests: { cpu: '50m', memory: '96Mi' },
    });
  });
});

test('the image is pulled as the operator says, whatever the pod says', () => {
  const submitted = (imagePullPolicy: string) =>
    aPod({
      initContainers: (injected().spec?.initContainers ?? []).map((c) => ({
        ...c,
        imagePullPolicy,
      })),
    });
  const policies = (said: string, imagePullPolicy: string) =>
    accepted(
      inject(submitted(said), { ...SIDECAR_IMAGE, imagePullPolicy }),
    ).spec?.initContainers?.map((container) => container.imagePullPolicy);
  for (const said of ['Always', 'IfNotPresent']) {
    expect(policies(said, 'Never')).toEqual(['Never', 'Never']);
  }
  expect(policies('Never', 'IfNotPresent')).toEqual(['IfNotPresent', 'IfNotPresent']);
});

describe('refused, naming the field', () => {
  const withContext = (securityContext: object) => ({
    containers: [aContainer({ securityContext })],
  });
  const withVolume = (volume: object) => ({ volumes: [{ name: 'x', ...volume }] });
  const context = 'spec.containers[0].securityContext';

  test.for<[field: string, spec: Record<string, unknown>]>([
    ['spec.os.name', { os: { name: 'windows' } }],
    ['spec.nodeSelector["kubernetes.io/os"]', { nodeSelector: { 'kubernetes.io/os': 'windows' } }],
    ['spec.hostNetwork', { hostNetwork: true }],
    ['spec.hostPID', { hostPID: true }],
    ['spec.hostIPC', { hostIPC: true }],
    ['spec.shareProcessNamespace', { shareProcessNamespace: true }],
    ['spec.hostAliases[0].ip', { hostAliases: [{ ip: '10.0.0.1', hostnames: ['edr.example'] }] }],
    ['spec.dnsPolicy', { dnsPolicy: 'None', dnsConfig: { searches: ['corp.example'] } }],
    ['spec.dnsPolicy', { dnsPolicy: 'Default' }],
    ['spec.dnsConfig.nameservers', { dnsConfig: { nameservers: ['127.0.0.1'] } }],
    [
      'spec.dnsConfig.options[0]',
      { dnsConfig: { options: [{ name: 'edns0\nnameserver 127.0.0.1' }] } },
    ],
    [
      'spec.dnsConfig.options[1]',
      {
        dnsConfig: {
          options: [{ name: 'edns0' }, { name: 'timeout', value: '1\nnameserver 127.0.0.1' }],
        },
      },
    ],
    ['spec.hostnameOverride', { hostnameOverride: 'edr.example' }],
    ['spec.securityContext.sysctls', { securityContext: { sysctls: [{ name: 'a' }] } }],
    ['spec.securityContext.fsGroup', { securityContext: { fsGroup: 64464 } }],
    [
      'spec.securityContext.supplementalGroups',
      { securityContext: { supplementalGroups: [1, 64464] } },
    ],
    [`${context}.runAsGroup`, { securityContext: { runAsGroup: 64464 } }],
    [`${context}.runAsUser`, { securityContext: { runAsUser: 0 } }],
    [`${context}.runAsUser`, { securityContext: { runAsUser: 64464 } }],
    [`${context}.runAsNonRoot`, { securityContext: { runAsNonRoot: false } }],
    [
      'spec.securityContext.seccompProfile.type',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    ],
    [
      'spec.securityContext.appArmorProfile.type',
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
    ],
    [
      'spec.securityContext.seLinuxOptions.type',
      { securityContext: { seLinuxOptions: { type: 'spc_t' } } },
    ],
    [`${context}.privileged`, withContext({ privileged: true })],
    [`${context}.allowPrivilegeEscalation`, withContext({ allowPrivilegeEscalation: true })],
    [`${context}.capabilities.add`, withContext({ capabilities: { add: ['NET_RAW'] } })],
    [`${context}.runAsUser`, withContext({ runAsUser: 0 })],
    [`${context}.runAsUser`, withContext({ runAsUser: 64464 })],
    [`${context}.runAsGroup`, withContext({ runAsGroup: 64464 })],
    [`${context}.runAsNonRoot`, withContext({ runAsNonRoot: false })],
    [`${context}.procMount`, withContext({ procMount: 'Unmasked' })],
    [`${context}.seccompProfile.type`, withContext({ seccompProfile: { type: 'Unconfined' } })],
    [`${context}.appArmorProfile.type`, withContext({ appArmorProfile: { type: 'Unconfined' } })],
    [`${context}.seLinuxOptions.user`, withContext({ seLinuxOptions: { user: 'system_u' } })],
    [`${context}.seLinuxOptions.role`, withContext({ seLinuxOptions: { role: 'r' } })],
    ['spec.volumes[0].hostPath', withVolume({ hostPath: { path: '/' } })],
    ['spec.volumes[0].nfs', withVolume({ nfs: { server: 'evil.example', path: '/' } })],
    [
      'spec.volumes[0].projected.sources[1].serviceAccountToken',
      withVolume({
        projected: {
          sources: [{ configMap: { name: 'a' } }, { serviceAccountToken: { path: 't' } }],
        },
      }),
    ],
    [
      'spec.volumes[0].projected.sources[0].podCertificate',
      withVolume({ projected: { sources: [{ podCertificate: { signerName: 'a.example/b' } }] } }),
    ],
    ['spec.containers[0].name', { containers: [aContainer({ name: 'actiongrant' })] }],
    [
      'spec.containers[0].ports[0].hostPort',
      { containers: [aContainer({ ports: [{ containerPort: 80, hostPort: 80 }] })] },
    ],
    ...[15001, 15006, 15020, 15053].map((containerPort): [string, Record<string, unknown>] => [
      'spec.containers[0].ports[0].containerPort',
      { containers: [aContainer({ ports: [{ containerPort }] })] },
    ]),
    [
      'spec.containers[0].ports[0].protocol',
      { containers: [aContainer({ ports: [{ containerPort: 80, protocol: 'SCTP' }] })] },
    ],
    ...['token', 'settings', 'state'].map((volume): [string, Record<string, unknown>] => [
      'spec.containers[0].volumeMounts[0].name',
      {
        containers: [
          aContainer({ volumeMounts: [{ name: `actiongrant-${volume}`, mountPath: '/x' }] }),
        ],
      },
    ]),
    ...[
      AGENT_DIRECTORY,
      `${AGENT_DIRECTORY}/`,
      `${AGENT_DIRECTORY}/token`,
      '/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      '/var/run/../run/secrets//kubernetes.io/./serviceaccount',
      AGENT_DIRECTORY.slice(1),
    ].map((mountPath): [string, Record<string, unknown>] => [
      'spec.containers[0].volumeMounts[0].mountPath',
      { containers: [aContainer({ volumeMounts: [{ name: 'mine', mountPath }] })] },
    ]),
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap(
      (probe): [string, Record<string, unknown>][] =>
        ['httpGet', 'tcpSocket'].map((kind) => [
          `spec.containers[0].${probe}.${kind}.host`,
          { containers: [aContainer({ [probe]: { [kind]: { host: 'evil.example', port: 80 } } })] },
        ]),
    ),
    ...[15001, 15006, 15020, 15053].flatMap((port): [string, Record<string, unknown>][] => [
      ...['httpGet', 'tcpSocket', 'grpc'].map((kind): [string, Record<string, unknown>] => [
        `spec.containers[0].livenessProbe.${kind}.port`,
        { containers: [aContainer({ livenessProbe: { [kind]: { port } } })] },
      ]),
      [
        'spec.containers[0].lifecycle.preStop.httpGet.port',
        { containers: [aContainer({ lifecycle: { preStop: { httpGet: { port } } } })] },
      ],
    ]),
    ...['postStart', 'preStop'].map((hook): [string, Record<string, unknown>] => [
      `spec.containers[0].lifecycle.${hook}.httpGet.host`,
      {
        containers: [
          aContainer({ lifecycle: { [hook]: { httpGet: { host: '169.254.169.254', port: 80 } } } }),
        ],
      },
    ]),
    [
      'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName',
      {
        containers: [
          aContainer({
            env: [{ name: 'KEY', valueFrom: { fileKeyRef: { volumeName: 'actiongrant-state' } } }],
          }),
        ],
      },
    ],
  ])('%s', ([field, spec]) => {
    expect(refused(aPod(spec))).toEqual([field]);
  });

  test.for<[annotations: Record<string, string>]>([
    [{ 'kubernetes.io/config.mirror': '' }],
    [{ 'container.apparmor.security.beta.kubernetes.io/agent': 'unconfined' }],
    [{ 'container.apparmor.security.beta.kubernetes.io/actiongrant': 'runtime/default' }],
  ])('annotations %j', ([annotations]) => {
    const [name = ''] = Object.keys(annotations);
    const pod = { ...aPod(), metadata: { annotations } };
    expect(refused(pod)).toEqual([`metadata.annotations[${name}]`]);
  });

  test('in init containers and native sidecars of its own as well', () => {
    const root = { securityContext: { runAsUser: 0 } };
    const pod = aPod({
      initContainers: [
        aContainer({ name: 'a', ...root }),
        aContainer({ name: 'b', restartPolicy: 'Always', ...root }),
      ],
    });
    // As they stand once ours are before them.
    expect(refused(pod)).toEqual([
      'spec.initContainers[2].securityContext.runAsUser',
      'spec.initContainers[3].securityContext.runAsUser',
    ]);
  });
});

describe('what is near to a refusal but harmless is accepted', () => {
  test.for<[what: string, spec: Record<string, unknown>]>([
    [
      "the cluster's DNS, with search domains and options of its own",
      {
        dnsPolicy: 'ClusterFirst',
        dnsConfig: {
          nameservers: [],
          searches: ['corp.example'],
          options: [{ name: 'edns0' }, { name: 'timeout', value: '1' }],
        },
      },
    ],
    ['an alias of loopback', { hostAliases: [{ ip: '127.0.0.1' }, { ip: '::1' }] }],
    [
      'an own user over the pod that has root',
      {
        securityContext: { runAsUser: 0 },
        containers: [aContainer({ securityContext: { runAsUser: 1000 } })],
      },
    ],
    [
      'a mount beside the agent directory',
      {
        containers: [
          aContainer({ volumeMounts: [{ name: 'a', mountPath: `${AGENT_DIRECTORY}s` }] }),
        ],
      },
    ],
    [
      'a mount above the agent directory',
      {
        containers: [aContainer({ volumeMounts: [{ name: 'a', mountPath: '/var/run' }] })],
      },
    ],
    [
      'an SELinux type of containers',
      { securityContext: { seLinuxOptions: { type: 'container_t', level: 's0' } } },
    ],
  ])('%s', ([, spec]) => {
    expect(injectionFault(injected(aPod(spec)))).toBeUndefined();
  });
});

describe('whatever a pod looks like', () => {
  test('injecting it again changes nothing, what comes out is an injected pod, and the input stays as it was', () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyPod, pullSecrets, (pod, imagePullSecrets) => {
        const image = { ...SIDECAR_IMAGE, imagePullSecrets };
        const before = structuredClone(pod);
        const first = inject(pod, image);
        expect(pod).toEqual(before);
        if ('faults' in first) {
          expect(first.faults.length).toBeGreaterThan(0);
          return;
        }
        accepted += 1;
        expect(injectionFault(first.injected)).toBeUndefined();
        expect(inject(first.injected, image)).toEqual(first);
        // As the API server stores and returns it.
        const stored = JSON.parse(JSON.stringify(first.injected));
        expect(stored).toEqual(first.injected);
        expect(injectionFault(stored)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});
