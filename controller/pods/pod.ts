/**
 * The parts of a Pod that injection reads or writes. Objects from the API server have more; whoever changes one keeps the
 * rest (spread, never rebuild).
 */

import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../core/api/pod-layout.ts';
import type { KubernetesObject } from '../../core/kubernetes/object.ts';

export interface InjectablePod extends KubernetesObject {
  spec?: PodSpec;
  /** The kubelet's alone: who creates pods may not write it. */
  status?: { phase?: string };
}

export interface PodSpec {
  automountServiceAccountToken?: boolean;
  containers?: Container[];
  dnsConfig?: {
    nameservers?: string[];
    options?: { name?: string; value?: string }[];
    searches?: string[];
  };
  /** ClusterFirst if absent. */
  dnsPolicy?: string;
  ephemeralContainers?: Container[];
  hostAliases?: { ip?: string; hostnames?: string[] }[];
  hostIPC?: boolean;
  hostNetwork?: boolean;
  hostPID?: boolean;
  /** KEP-4762. */
  hostnameOverride?: string;
  /** A map by name: the API server takes duplicates, server-side apply does not. */
  imagePullSecrets?: { name?: string }[];
  initContainers?: Container[];
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  os?: { name?: string };
  securityContext?: PodSecurityContext;
  serviceAccountName?: string;
  shareProcessNamespace?: boolean;
  volumes?: Volume[];
}

/** What pod and container can both say; what the container says counts. */
export interface InheritedSecurityContext {
  appArmorProfile?: { type?: string };
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  runAsUser?: number;
  seLinuxOptions?: { user?: string; role?: string; type?: string };
  seccompProfile?: { type?: string };
}

export interface PodSecurityContext extends InheritedSecurityContext {
  fsGroup?: number;
  supplementalGroups?: number[];
  sysctls?: { name?: string }[];
}

export interface ContainerSecurityContext extends InheritedSecurityContext {
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: string[]; drop?: string[] };
  privileged?: boolean;
  procMount?: string;
  readOnlyRootFilesystem?: boolean;
}

export interface Container {
  name: string;
  args?: string[];
  env?: EnvironmentVariable[];
  image?: string;
  imagePullPolicy?: string;
  lifecycle?: { postStart?: NetworkHandler; preStop?: NetworkHandler };
  livenessProbe?: Probe;
  ports?: ContainerPort[];
  readinessProbe?: Probe;
  resizePolicy?: unknown;
  resources?: Resources;
  restartPolicy?: string;
  securityContext?: ContainerSecurityContext;
  startupProbe?: Probe;
  /** Ephemeral containers only. */
  targetContainerName?: string;
  terminationMessagePath?: string;
  terminationMessagePolicy?: string;
  volumeMounts?: VolumeMount[];
}

export interface EnvironmentVariable {
  name: string;
  value?: string;
  /** fileKeyRef: KEP-3721. */
  valueFrom?: { fieldRef?: object; fileKeyRef?: { volumeName?: string } };
}

export interface ContainerPort {
  name?: string;
  containerPort?: number;
  hostPort?: number;
  /** TCP if absent. */
  protocol?: string;
}

/** A probe or lifecycle hook: what the kubelet connects to, if anything. Ports are numbers or names. */
export interface NetworkHandler {
  grpc?: { port?: number };
  httpGet?: { host?: string; path?: string; port?: number | string; scheme?: string };
  tcpSocket?: { host?: string; port?: number | string };
}

export interface Probe extends NetworkHandler {
  failureThreshold?: number;
  periodSeconds?: number;
  successThreshold?: number;
  timeoutSeconds?: number;
}

export interface Resources {
  /** Devices (KEP-4381). */
  claims?: object[];
  limits?: Record<string, string>;
  requests?: Record<string, string>;
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
}

export interface Volume {
  name: string;
  configMap?: { name?: string; defaultMode?: number };
  emptyDir?: { medium?: string; sizeLimit?: string };
  projected?: {
    defaultMode?: number;
    sources?: { serviceAccountToken?: object; podCertificate?: object }[];
  };
}

/** A container and the field it stands in, as `spec.containers[0]`. */
export interface PlacedContainer {
  readonly container: Container;
  readonly field: string;
}

const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;
const OUR_PLACES = 2;

/** Every container of a pod but ours, which are the first two init containers. */
export function agentContainersOf(spec: PodSpec): PlacedContainer[] {
  return CONTAINER_LISTS.flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) =>
      list === 'initContainers' && index < OUR_PLACES && isNamedAsOurs(container.name)
        ? []
        : [{ container, field: `spec.${list}[${index}]` }],
    ),
  );
}

/** Everything that makes the kubelet call a container, with its field. */
export function handlersOf(container: Container): { handler: NetworkHandler; field: string }[] {
  const { startupProbe, readinessProbe, livenessProbe, lifecycle } = container;
  const all = {
    startupProbe,
    readinessProbe,
    livenessProbe,
    'lifecycle.postStart': lifecycle?.postStart,
    'lifecycle.preStop': lifecycle?.preStop,
  };
  return Object.entries(all).flatMap(([field, handler]) =>
    handler === undefined ? [] : [{ handler, field }],
  );
}

/** Whether it has the name of one of our containers; what it really is, is another question. */
export function isNamedAsOurs(name: string | undefined): boolean {
  return name === INIT_CONTAINER_NAME || name === SIDECAR_CONTAINER_NAME;
}
