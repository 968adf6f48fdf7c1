import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inject } from '../../../../controller/injection/inject.ts';
import type { SidecarImage } from '../../../../controller/injection/injected-containers.ts';
import { injectionFault } from '../../../../controller/injection/verify.ts';
import type { Pod } from '../../../../controller/pods/pod.ts';
import { AGENT_DIRECTORY } from '../../../../core/api/pod-layout.ts';
import {
  aContainer,
  accepted,
  aPod,
  injected,
  refusedFields,
  SIDECAR_IMAGE,
} from '../../../support/pods.ts';
import { anyPod, pullSecrets } from './any-pod.ts';

const AGENT_MOUNT = { name: 'actiongrant-agent', mountPath: AGENT_DIRECTORY, readOnly: true };

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

describe('a pod that breaks a rule', () => {
  test('is refused, naming the field, in init containers and native sidecars of its own as well', () => {
    const root = { securityContext: { runAsUser: 0 } };
    const pod = aPod({
      initContainers: [
        aContainer({ name: 'a', ...root }),
        aContainer({ name: 'b', restartPolicy: 'Always', ...root }),
      ],
    });
    // As they stand once ours are before them.
    expect(refusedFields(pod)).toEqual([
      'spec.initContainers[2].securityContext.runAsUser',
      'spec.initContainers[3].securityContext.runAsUser',
    ]);
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
