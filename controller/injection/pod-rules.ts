/** Rules about a pod as a whole, from its spec on. The injected volumes are compared in verify.ts. */

import { SIDECAR_UID } from '../../core/api/pod-layout.ts';
import { hasInjectedName } from '../pods/containers.ts';
import type { PodSpec, Volume } from '../pods/pod.ts';
import { reasonOf } from './admission-policy-rules.ts';
import { isInjectedVolume } from './injected-containers.ts';
import { type Rule, when } from './rule.ts';

/**
 * Those of the Pod Security Standard `restricted`, but for `csi`: such a driver mounts at the pod's author's word whatever it
 * can, network file systems past the sidecar and credentials of others among it. Claims are of classes that an administrator made.
 */
export const VOLUME_TYPES: ReadonlySet<string> = new Set([
  'configMap',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** The kubelet and the container runtime write options into resolv.conf as they are. */
const RESOLVER_OPTION = /^[\w.:-]*$/;

export const POD_RULES: readonly Rule<PodSpec>[] = [
  {
    id: 'linux',
    broken: ({ os, nodeSelector }) => [
      ...when(os?.name === 'windows', 'os.name'),
      ...when(nodeSelector?.['kubernetes.io/os'] === 'windows', 'nodeSelector["kubernetes.io/os"]'),
    ],
    reason: reasonOf('linux'),
  },
  {
    id: 'node-namespaces',
    broken: ({ hostNetwork }) => when(hostNetwork, 'hostNetwork'),
    reason: "must not be true: nothing is intercepted on the node's own network",
  },
  {
    id: 'node-namespaces',
    broken: ({ hostPID, hostIPC }) => [...when(hostPID, 'hostPID'), ...when(hostIPC, 'hostIPC')],
    reason: "must not be true: an agent must not see the node's processes",
  },
  {
    id: 'node-namespaces',
    broken: ({ shareProcessNamespace }) => when(shareProcessNamespace, 'shareProcessNamespace'),
    reason: "must not be true: an agent must not see the sidecar's process",
  },
  {
    id: 'host-aliases',
    broken: ({ hostAliases = [] }) =>
      hostAliases.flatMap(({ ip = '' }, index) =>
        when(!/^(?:127\.|::1$)/.test(ip), `hostAliases[${index}].ip`),
      ),
    reason: reasonOf('host-aliases'),
  },
  {
    id: 'hostname-override',
    broken: ({ hostnameOverride = '' }) => when(hostnameOverride !== '', 'hostnameOverride'),
    reason: reasonOf('hostname-override'),
  },
  {
    id: 'resolver',
    broken: ({ dnsPolicy = 'ClusterFirst' }) => when(dnsPolicy !== 'ClusterFirst', 'dnsPolicy'),
    reason:
      "must be ClusterFirst: it is the sidecar's as well, which looks up the controller and what was granted",
  },
  {
    id: 'resolver',
    broken: ({ dnsConfig }) =>
      when((dnsConfig?.nameservers?.length ?? 0) > 0, 'dnsConfig.nameservers'),
    reason:
      "must be empty: whoever answers the sidecar decides where granted calls go. Add the server to the cluster's DNS",
  },
  {
    id: 'resolver',
    broken: ({ dnsConfig: { options = [] } = {} }) =>
      options.flatMap(({ name = '', value = '' }, index) =>
        when(!RESOLVER_OPTION.test(name + value), `dnsConfig.options[${index}]`),
      ),
    reason: 'must be one word: what follows a line break would be another line of resolv.conf',
  },
  {
    id: 'pod-security',
    broken: ({ securityContext }) =>
      when((securityContext?.sysctls?.length ?? 0) > 0, 'securityContext.sysctls'),
    reason:
      "must be empty: they are the sidecar's as well. To listen below port 1024, add the capability NET_BIND_SERVICE",
  },
  {
    id: 'pod-security',
    broken: ({ securityContext = {} }) => [
      ...when(securityContext.fsGroup === SIDECAR_UID, 'securityContext.fsGroup'),
      ...when(
        securityContext.supplementalGroups?.includes(SIDECAR_UID),
        'securityContext.supplementalGroups',
      ),
    ],
    reason: `must not be ${SIDECAR_UID}: that group is the sidecar's`,
  },
  {
    id: 'volume-types',
    broken: ({ volumes = [] }) =>
      volumes.flatMap((volume, index) =>
        Object.keys(volume)
          .filter((type) => type !== 'name' && !VOLUME_TYPES.has(type))
          .map((type) => `volumes[${index}].${type}`),
      ),
    reason:
      'is not a volume that agents may have. Use a persistentVolumeClaim, emptyDir, configMap or secret',
  },
  {
    id: 'projected-credentials',
    broken: ({ volumes = [] }) =>
      volumes.flatMap((volume, index) =>
        isInjectedVolume(volume)
          ? []
          : identitiesIn(volume).map((source) => `volumes[${index}].projected.${source}`),
      ),
    reason:
      'is a credential, and agents hold none: a grant lends them one for a single call. Leave it out',
  },
];

export const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

export const ANNOTATION_RULES: readonly Rule<Readonly<Record<string, string>>>[] = [
  {
    id: 'static-pod',
    broken: (annotations) => when(MIRROR_ANNOTATION in annotations, MIRROR_ANNOTATION),
    reason:
      'marks a static pod, which runs as its node says. Make it an ordinary pod, or give it another namespace',
  },
  {
    id: 'pod-security',
    // The API server makes the field of it (KEP-24).
    broken: (annotations) =>
      Object.entries(annotations)
        .filter(([name]) => name.startsWith(APPARMOR_ANNOTATION))
        .filter(
          ([name, profile]) =>
            hasInjectedName(name.slice(APPARMOR_ANNOTATION.length)) ||
            !/^(?:runtime\/default|localhost\/.+)$/.test(profile),
        )
        .map(([name]) => name),
    reason:
      'must be runtime/default or localhost/<profile>, and not be about the injected containers',
  },
];

/** The sources of a volume that say who the pod is. */
function identitiesIn({ projected }: Volume): string[] {
  return (projected?.sources ?? []).flatMap((source, index) => [
    ...when(source.serviceAccountToken !== undefined, `sources[${index}].serviceAccountToken`),
    ...when(source.podCertificate !== undefined, `sources[${index}].podCertificate`),
  ]);
}
