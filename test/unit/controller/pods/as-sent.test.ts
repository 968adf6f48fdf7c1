import { expect, test } from 'vitest';
import { isAsSent } from '../../../../controller/pods/as-sent.ts';
import type { Pod } from '../../../../controller/pods/pod.ts';

/** As the API server writes it before it asks the first webhook. */
const FIELDS = {
  'f:metadata': { 'f:annotations': { '.': {}, 'f:team.example/a.b': {} } },
  'f:spec': {
    'f:containers': {
      'k:{"name":"agent"}': {
        '.': {},
        'f:name': {},
        'f:image': {},
        'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:hostPort': {} } },
        'f:securityContext': { '.': {}, 'f:capabilities': { '.': {}, 'f:add': {} } },
        'f:volumeMounts': { 'k:{"mountPath":"/a"}': { '.': {}, 'f:name': {} } },
      },
    },
    'f:dnsConfig': {},
    'f:volumes': { 'k:{"name":"own"}': { '.': {}, 'f:hostPath': { '.': {}, 'f:path': {} } } },
  },
};

const POD = {
  metadata: {
    annotations: { 'team.example/a.b': 'x', other: 'y' },
    managedFields: [{ manager: 'kubectl', operation: 'Update', fieldsV1: FIELDS }],
  },
  spec: {
    hostNetwork: true,
    dnsConfig: { nameservers: ['192.0.2.1'] },
    initContainers: [{ name: 'istio-init', securityContext: { privileged: true } }],
    containers: [
      {
        name: 'agent',
        image: 'a',
        ports: [
          { containerPort: 80, protocol: 'TCP', hostPort: 80 },
          { containerPort: 81, protocol: 'TCP', hostPort: 81 },
        ],
        securityContext: { privileged: true, capabilities: { add: ['NET_RAW'] } },
        volumeMounts: [
          { name: 'own', mountPath: '/a' },
          { name: 'other', mountPath: '/b' },
        ],
      },
      { name: 'vault-agent', image: 'v' },
    ],
    volumes: [
      { name: 'own', hostPath: { path: '/' } },
      { name: 'aws-iam-token', projected: { sources: [{ serviceAccountToken: {} }] } },
    ],
  },
} as Pod;

test.each([
  ['spec.hostNetwork', false],
  ['spec.dnsConfig.nameservers', true],
  ['spec.initContainers[0].securityContext.privileged', false],
  ['spec.containers[0].securityContext.privileged', false],
  ['spec.containers[0].securityContext.capabilities.add', true],
  ['spec.containers[0].ports[0].hostPort', true],
  ['spec.containers[0].ports[1].hostPort', false],
  ['spec.containers[0].volumeMounts[1].name', false],
  ['spec.containers[1].securityContext.runAsUser', false],
  ['spec.volumes[0].hostPath', true],
  ['spec.volumes[1].projected.sources[0].serviceAccountToken', false],
  ['metadata.annotations[team.example/a.b]', true],
  ['metadata.annotations[other]', false],
  // What is not there was not added.
  ['spec.containers[0].securityContext.runAsNonRoot', true],
  ['spec.os.name', true],
])('%s: %s', (field, expected) => {
  expect(isAsSent(POD, field)).toBe(expected);
});

test.each<[string, unknown[] | undefined]>([
  ['no managedFields', undefined],
  ['empty ones', []],
  ['odd ones', [null, 1, { fieldsV1: 'x' }]],
])('nothing tells of a pod with %s', (_what, managedFields) => {
  const pod = { ...POD, metadata: managedFields === undefined ? {} : { managedFields } };
  expect(isAsSent(pod, 'spec.hostNetwork')).toBeUndefined();
});

test('keys that are no JSON name nothing', () => {
  const fieldsV1 = { 'f:spec': { 'f:containers': { 'k:{': {}, 'k:1': {}, 'v:x': {} } } };
  const pod = { ...POD, metadata: { managedFields: [{ fieldsV1 }] } };
  expect(isAsSent(pod, 'spec.containers[0].image')).toBe(false);
});
