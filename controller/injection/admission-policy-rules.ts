/**
 * The rules that the chart's policies `actiongrant-pods` and `actiongrant-pod-updates` restate in CEL, for pods that went
 * around the webhook. Each has an ID that the rules here name as well (`Rule.id`), and the words in which a policy refuses.
 * `scripts/generate-chart.ts` writes the words into the chart; a test holds that both sides know every ID.
 *
 * A policy's rule is often about several fields at once and cannot say which index is wrong, so its sentence is wider than the
 * reasons of the rules here. Where it is about one field, the two are the same (`reasonOf`).
 */

import {
  AGENT_DIRECTORY,
  INIT_CONTAINER_NAME,
  POD_VOLUMES,
  SIDECAR_CONTAINER_NAME,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';

export interface AdmissionPolicyRule {
  /** As the policy names it: without indices. */
  readonly field: string;
  /** What the pod must be, and the way out. */
  readonly advice: string;
  /** The same about a pod that is known by name. */
  readonly adviceFor?: (pod: PodName) => string;
}

interface PodName {
  readonly name: string;
  readonly namespace: string;
}

const PORTS = Object.values(SIDECAR_PORTS).sort((a, b) => a - b);
const BOTH = `${INIT_CONTAINER_NAME} and ${SIDECAR_CONTAINER_NAME}`;

/** What a policy cannot tell: who wrote it. */
const OTHERS =
  'If you did, a webhook or MutatingAdmissionPolicy changes it after inject-pod-last.actiongrant.dev, or that one is missing: an administrator can leave these containers out of it (docs/how-to/other-webhooks.md). List them with kubectl get mutatingwebhookconfigurations,mutatingadmissionpolicies.';

const NO_EPHEMERAL_CONTAINERS =
  'pods of this namespace take none, because the kubelet may start them before there is a packet filter. Debug a copy, which is injected';

export const ADMISSION_POLICY_RULES = {
  'static-pod': {
    field: 'metadata.annotations',
    advice:
      'static pods cannot be injected. Make it an ordinary pod, or give it another namespace.',
  },
  'injected-first': {
    field: 'spec.initContainers',
    advice: `pods of this namespace start with the containers ${BOTH}. Leave them out: the webhook inject-pod.actiongrant.dev adds them. ${OTHERS}`,
  },
  'node-namespaces': {
    field: 'spec',
    advice:
      'pods of this namespace share no namespace with the node, and no process namespace with the sidecar. Leave hostNetwork, hostPID, hostIPC and shareProcessNamespace out.',
  },
  linux: {
    field: 'spec.os',
    advice:
      'must not be windows: calls can be intercepted on Linux only. Give the pod another namespace.',
  },
  'no-automount': {
    field: 'spec.automountServiceAccountToken',
    advice:
      'must be false in this namespace, because an agent holds no credential of its own. Leave it out: the webhook sets it.',
  },
  image: {
    field: 'spec.initContainers.image',
    advice: `${BOTH} run the image of the installed release and no other, pulled as the release says. If you left them out of your pod and the release is being upgraded, create the pod again in a minute. Otherwise a webhook or MutatingAdmissionPolicy rewrites images after inject-pod-last.actiongrant.dev: name the image in the release as it shall be pulled (controller.image), and leave these two containers out of the rewriting (docs/how-to/other-webhooks.md).`,
  },
  'net-init': {
    field: 'spec.initContainers',
    advice: `${INIT_CONTAINER_NAME} must be exactly as injected. Leave it out: the webhook adds it. ${OTHERS}`,
  },
  sidecar: {
    field: 'spec.initContainers',
    advice: `${SIDECAR_CONTAINER_NAME} must be exactly as injected. Leave it out: the webhook adds it. ${OTHERS}`,
  },
  'injected-volumes': {
    field: 'spec.volumes',
    advice: `the volumes actiongrant-* must be exactly as injected. Leave them out: the webhook adds them. ${OTHERS}`,
  },
  'volume-types': {
    field: 'spec.volumes',
    advice:
      "pods of this namespace mount no hostPath, no network file system and no inline csi volume, which are reached past the sidecar or hold credentials. Use a persistentVolumeClaim, or a grant for the credential's one use.",
  },
  'projected-credentials': {
    field: 'spec.volumes.projected',
    advice:
      'an agent holds no credential of its own. Leave serviceAccountToken and podCertificate out.',
  },
  'pod-security': {
    field: 'spec.securityContext',
    advice: `leave sysctls out, do not use group ${SIDECAR_UID}, which is the sidecar's, and no seccomp or AppArmor profile or SELinux label that is wider than the runtime's.`,
  },
  'host-aliases': {
    field: 'spec.hostAliases',
    advice:
      'must be a loopback address: the sidecar answers for names, and shares this file. Give the name to a Service or to DNS.',
  },
  'hostname-override': {
    field: 'spec.hostnameOverride',
    advice:
      "must be left out: it would make a name of your choice the pod's own, for the sidecar as well.",
  },
  resolver: {
    field: 'spec.dnsConfig',
    advice:
      "the resolver is the sidecar's as well, and the cluster's own. Leave nameservers out and dnsPolicy at ClusterFirst, and make each option one word; add other servers to the cluster's DNS.",
  },
  privileges: {
    field: 'securityContext',
    advice:
      "an agent's containers have no privileges: set allowPrivilegeEscalation: false and capabilities.drop: [ALL], add nothing but NET_BIND_SERVICE, and leave privileged and procMount out.",
  },
  user: {
    field: 'securityContext.runAsUser',
    advice: `an agent's containers run as a user that is named in the pod, with runAsNonRoot: true, and is neither 0 nor ${SIDECAR_UID}, which is the sidecar's; nor is ${SIDECAR_UID} their group.`,
  },
  profiles: {
    field: 'securityContext.seccompProfile',
    advice:
      "an agent's containers run under the seccomp profile RuntimeDefault or one of type Localhost, and under no AppArmor profile or SELinux label that is wider than the runtime's.",
  },
  ports: {
    field: 'ports',
    advice: `an agent's containers use no port of the node (hostPort), none of the sidecar's (${PORTS.join(', ')}), not for probes and lifecycle hooks either, and no SCTP, which is not let in. Choose another, and use a Service.`,
  },
  'volume-mounts': {
    field: 'volumeMounts',
    advice: `only the sidecar mounts the volumes actiongrant-*; other containers have ${POD_VOLUMES.agent}, read-only, at ${AGENT_DIRECTORY}, and nothing else there.`,
  },
  'variables-from-files': {
    field: 'env.valueFrom.fileKeyRef',
    advice:
      'the kubelet reads variables from a file (KEP-3721) without mounting it, so the volumes actiongrant-* are out of reach here, too.',
  },
  'handler-hosts': {
    field: 'livenessProbe.httpGet.host',
    advice:
      'probes and lifecycle hooks go to the pod itself. The kubelet makes these calls, past the sidecar, so leave host out.',
  },
  'agent-mount': {
    field: 'spec.containers.volumeMounts',
    advice: `every container mounts ${POD_VOLUMES.agent}. Leave it out: the webhook adds it. ${OTHERS}`,
  },
  'injected-unchanged': {
    field: 'spec.initContainers',
    advice: `${BOTH} stay as they were injected. Leave them as they are; for another image or other resources change the release's values and create the pod again.`,
  },
  'ephemeral-containers': {
    field: 'spec.ephemeralContainers',
    advice: `${NO_EPHEMERAL_CONTAINERS}, with kubectl debug --copy-to, --share-processes=false and --profile=restricted.`,
    adviceFor: ({ name, namespace }) =>
      `${NO_EPHEMERAL_CONTAINERS}: kubectl debug ${name} --namespace=${namespace} --copy-to=${name}-debug --share-processes=false --profile=restricted --image=IMAGE -it.`,
  },
} satisfies Readonly<Record<string, AdmissionPolicyRule>>;

export type RuleId = keyof typeof ADMISSION_POLICY_RULES;

/** The advice as the reason of a rule, for a rule that is about the same field as its policy's. */
export function reasonOf(id: RuleId): string {
  return ADMISSION_POLICY_RULES[id].advice.replace(/\.$/, '');
}
