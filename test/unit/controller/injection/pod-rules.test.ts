import { describe, expect, test } from 'vitest';
import { ANNOTATION_RULES, POD_RULES } from '../../../../controller/injection/pod-rules.ts';
import { faultsOf } from '../../../../controller/injection/rule.ts';
import { aPod, refusedFields } from '../../../support/pods.ts';

type Spec = Record<string, unknown>;

const withVolume = (volume: object): Spec => ({ volumes: [{ name: 'x', ...volume }] });
const GROUP_OF_THE_SIDECAR = 64464;

const BROKEN: readonly [field: string, spec: Spec][] = [
  ['os.name', { os: { name: 'windows' } }],
  ['nodeSelector["kubernetes.io/os"]', { nodeSelector: { 'kubernetes.io/os': 'windows' } }],
  ['hostNetwork', { hostNetwork: true }],
  ['hostPID', { hostPID: true }],
  ['hostIPC', { hostIPC: true }],
  ['shareProcessNamespace', { shareProcessNamespace: true }],
  ['hostAliases[0].ip', { hostAliases: [{ ip: '10.0.0.1', hostnames: ['edr.example'] }] }],
  ['hostAliases[1].ip', { hostAliases: [{ ip: '127.0.0.1' }, { ip: '1.127.0.1' }] }],
  ['hostAliases[0].ip', { hostAliases: [{ hostnames: ['edr.example'] }] }],
  ['hostnameOverride', { hostnameOverride: 'edr.example' }],
  ['dnsPolicy', { dnsPolicy: 'None', dnsConfig: { searches: ['corp.example'] } }],
  ['dnsPolicy', { dnsPolicy: 'Default' }],
  ['dnsPolicy', { dnsPolicy: 'ClusterFirstWithHostNet' }],
  ['dnsConfig.nameservers', { dnsConfig: { nameservers: ['127.0.0.1'] } }],
  ['dnsConfig.options[0]', { dnsConfig: { options: [{ name: 'edns0\nnameserver 127.0.0.1' }] } }],
  [
    'dnsConfig.options[1]',
    {
      dnsConfig: {
        options: [{ name: 'edns0' }, { name: 'timeout', value: '1\nnameserver 127.0.0.1' }],
      },
    },
  ],
  ['securityContext.sysctls', { securityContext: { sysctls: [{ name: 'a' }] } }],
  ['securityContext.fsGroup', { securityContext: { fsGroup: GROUP_OF_THE_SIDECAR } }],
  [
    'securityContext.supplementalGroups',
    { securityContext: { supplementalGroups: [1, GROUP_OF_THE_SIDECAR] } },
  ],
  ['volumes[0].hostPath', withVolume({ hostPath: { path: '/' } })],
  ['volumes[0].nfs', withVolume({ nfs: { server: 'evil.example', path: '/' } })],
  ['volumes[0].csi', withVolume({ csi: { driver: 'nfs.example' } })],
  ['volumes[0].unheardOf', withVolume({ unheardOf: {} })],
  [
    'volumes[0].projected.sources[1].serviceAccountToken',
    withVolume({
      projected: {
        sources: [{ configMap: { name: 'a' } }, { serviceAccountToken: { path: 't' } }],
      },
    }),
  ],
  [
    'volumes[0].projected.sources[0].podCertificate',
    withVolume({ projected: { sources: [{ podCertificate: { signerName: 'a.example/b' } }] } }),
  ],
];

const KEPT: readonly [what: string, spec: Spec][] = [
  ['one that says nothing', {}],
  ['one for Linux', { os: { name: 'linux' }, nodeSelector: { 'kubernetes.io/os': 'linux' } }],
  [
    'one that shares nothing, in words',
    { hostNetwork: false, hostPID: false, hostIPC: false, shareProcessNamespace: false },
  ],
  [
    'an alias of loopback',
    { hostAliases: [{ ip: '127.0.0.1' }, { ip: '127.9.9.9' }, { ip: '::1' }] },
  ],
  ['no name of its own', { hostnameOverride: '' }],
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
  ['no sysctls', { securityContext: { sysctls: [] } }],
  ['groups of its own', { securityContext: { fsGroup: 2000, supplementalGroups: [1, 2] } }],
  [
    'volumes of every restricted type',
    {
      volumes: [
        'configMap',
        'downwardAPI',
        'emptyDir',
        'ephemeral',
        'image',
        'persistentVolumeClaim',
        'projected',
        'secret',
      ].map((type) => ({ name: type, [type]: {} })),
    },
  ],
  [
    "the sidecar's own token",
    {
      volumes: [
        {
          name: 'actiongrant-token',
          projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
        },
      ],
    },
  ],
];

const fieldsOf = (spec: Spec): string[] =>
  faultsOf(POD_RULES, spec, (field) => field).map(({ field }) => field);

describe('a pod breaks a rule', () => {
  test.for(BROKEN)('%s: %j', ([field, spec]) => {
    expect(fieldsOf(spec)).toEqual([field]);
    // Nothing that injection fills in heals it, or breaks another.
    expect(refusedFields(aPod(spec))).toEqual([`spec.${field}`]);
  });

  test('of each kind', () => {
    const unbroken = POD_RULES.filter(
      (rule) => !BROKEN.some(([, spec]) => rule.broken(spec).length > 0),
    );
    expect(unbroken).toEqual([]);
  });
});

describe('a pod keeps to every rule', () => {
  test.for(KEPT)('%s', ([, spec]) => {
    expect(fieldsOf(spec)).toEqual([]);
    expect(refusedFields(aPod(spec))).toEqual([]);
  });
});

describe('an annotation', () => {
  const APPARMOR = 'container.apparmor.security.beta.kubernetes.io';

  test.for<[annotations: Record<string, string>]>([
    [{ 'kubernetes.io/config.mirror': '' }],
    [{ [`${APPARMOR}/agent`]: 'unconfined' }],
    [{ [`${APPARMOR}/agent`]: 'localhost/' }],
    [{ [`${APPARMOR}/agent`]: '' }],
    [{ [`${APPARMOR}/actiongrant`]: 'runtime/default' }],
    [{ [`${APPARMOR}/actiongrant-init`]: 'localhost/mine' }],
  ])('breaks a rule: %j', ([annotations]) => {
    const names = Object.keys(annotations);
    const faults = faultsOf(ANNOTATION_RULES, annotations, (name) => name);
    expect(faults.map(({ field }) => field)).toEqual(names);
    expect(refusedFields({ ...aPod(), metadata: { annotations } })).toEqual(
      names.map((name) => `metadata.annotations[${name}]`),
    );
  });

  test.for<[annotations: Record<string, string>]>([
    [{}],
    [{ 'kubernetes.io/config.hash': 'x' }],
    [{ [`${APPARMOR}/agent`]: 'runtime/default' }],
    [{ [`${APPARMOR}/agent`]: 'localhost/mine' }],
  ])('keeps to every rule: %j', ([annotations]) => {
    expect(faultsOf(ANNOTATION_RULES, annotations, (name) => name)).toEqual([]);
  });
});
