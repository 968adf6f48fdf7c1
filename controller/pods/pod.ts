/**
 * The parts of a Pod that are read or written here. Objects from the API server have more members; whoever changes an object
 * keeps those (spread, never rebuild).
 */

import type { KubernetesObject } from '../../core/kubernetes/object.ts';

export interface Pod extends KubernetesObject {
  spec?: PodSpec;
  /** Only the kubelet writes it: whoever creates pods may not. */
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
