/** Pods of every shape: plain ones, hostile ones, and ones that claim to be injected. */

import fc, { type Arbitrary } from 'fast-check';
import type { Container, Pod } from '../../../../controller/pods/pod.ts';

const sometimes = <T extends Record<string, Arbitrary<unknown>>>(members: T) =>
  fc.record(members, { requiredKeys: [] });

const mostly = <T>(usual: T, rare: T): Arbitrary<T> =>
  fc.oneof({ weight: 15, arbitrary: fc.constant(usual) }, fc.constant(rare));

const volumeName = fc.constantFrom(
  'data',
  'scratch',
  'kube-api-access-abcde',
  'actiongrant-token',
  'actiongrant-settings',
  'actiongrant-state',
  'actiongrant-agent',
);

const user = fc.constantFrom(0, 1, 1000, 10001, 64464);
const profile = sometimes({ type: fc.constantFrom('RuntimeDefault', 'Localhost', 'Unconfined') });

const inherited = {
  runAsUser: fc.oneof({ weight: 30, arbitrary: fc.constant(1000) }, user),
  runAsGroup: fc.oneof({ weight: 30, arbitrary: fc.constant(1000) }, user),
  runAsNonRoot: mostly(true, false),
  seccompProfile: fc.oneof({ weight: 30, arbitrary: fc.constant({ type: 'Localhost' }) }, profile),
};

const securityContext = sometimes({
  ...inherited,
  allowPrivilegeEscalation: mostly(false, true),
  capabilities: sometimes({
    add: mostly(['NET_BIND_SERVICE'], ['NET_ADMIN']),
    drop: fc.subarray(['ALL', 'NET_RAW', 'CHOWN']),
  }),
  readOnlyRootFilesystem: fc.boolean(),
});

const port = fc.record(
  {
    name: fc.constantFrom('web', 'dns'),
    containerPort: fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 1, max: 65535 }) },
      fc.constant(15020),
    ),
    protocol: fc.constantFrom('TCP', 'UDP'),
  },
  { requiredKeys: ['containerPort'] },
);

const handlerPort = fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constantFrom('web', 'none'));
const handler = fc.oneof(
  fc.record({ httpGet: fc.record({ port: handlerPort }) }),
  fc.record({ tcpSocket: fc.record({ port: handlerPort }) }),
  fc.record({ exec: fc.constant({ command: ['true'] }) }),
);

const variable = fc.oneof(
  fc.record({
    name: fc.constantFrom('HOME', 'SSL_CERT_FILE', 'JAVA_TOOL_OPTIONS'),
    value: fc.constantFrom('', '-Xmx1g', '-Djavax.net.ssl.trustStore=/a.jks'),
  }),
  fc.record({
    name: fc.constantFrom('NODE_EXTRA_CA_CERTS', 'JAVA_TOOL_OPTIONS'),
    valueFrom: fc.constant({ secretKeyRef: { name: 'a', key: 'b' } }),
  }),
);

const mount = fc.record({
  name: fc.oneof(
    {
      weight: 40,
      arbitrary: fc.constantFrom('data', 'kube-api-access-abcde', 'actiongrant-agent'),
    },
    volumeName,
  ),
  mountPath: fc.constantFrom('/data', '/etc/x', '/var/run'),
});

const container = (name: Arbitrary<string>): Arbitrary<Container> =>
  fc.record(
    {
      name,
      image: fc.constantFrom('a.example/agent:1', 'evil.example/sidecar'),
      imagePullPolicy: fc.constantFrom('Always', 'Never'),
      env: fc.uniqueArray(variable, { selector: (v) => v.name, maxLength: 4 }),
      ports: fc.array(port, { maxLength: 3 }),
      livenessProbe: handler,
      readinessProbe: handler,
      lifecycle: sometimes({ preStop: handler }),
      resources: sometimes({ limits: fc.constant({ cpu: '1', 'nvidia.com/gpu': '1' }) }),
      securityContext,
      volumeMounts: fc.array(mount, { maxLength: 3 }),
      workingDir: fc.constant('/work'),
    },
    { requiredKeys: ['name', 'image'] },
  ) as Arbitrary<Container>;

const volume = fc.record({
  name: volumeName,
  projected: fc.record({
    sources: fc.array(
      fc.oneof(
        { weight: 20, arbitrary: fc.constant({ configMap: { name: 'a' } }) },
        fc.constant({ serviceAccountToken: { path: 'token', audience: 'actiongrant.dev' } }),
      ),
      { maxLength: 2 },
    ),
  }),
});

/** Names, each once: what the operator may choose. */
export const pullSecrets = fc.subarray(['registry', 'mirror']);

export const anyPod: Arbitrary<Pod> = fc.record({
  metadata: fc.constant({ name: 'any' }),
  spec: fc.record(
    {
      containers: fc.array(container(fc.constantFrom('agent', 'helper')), {
        minLength: 1,
        maxLength: 3,
      }),
      initContainers: fc.array(
        container(fc.constantFrom('migrate', 'actiongrant', 'actiongrant-init')),
        { maxLength: 4 },
      ),
      volumes: fc.array(volume, { maxLength: 4 }),
      securityContext: sometimes({ ...inherited, fsGroup: user }),
      dnsConfig: sometimes({
        searches: fc.constant(['corp.example']),
        options: fc.constant([{ name: 'ndots', value: '5' }]),
      }),
      hostNetwork: mostly(false, true),
      imagePullSecrets: fc.array(
        fc.record({ name: fc.constantFrom('own', 'registry') }, { requiredKeys: [] }),
        { maxLength: 3 },
      ),
      automountServiceAccountToken: fc.boolean(),
      terminationGracePeriodSeconds: fc.integer({ min: 0, max: 600 }),
    },
    { requiredKeys: ['containers'] },
  ),
}) as Arbitrary<Pod>;
