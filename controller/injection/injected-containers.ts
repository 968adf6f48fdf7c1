/**
 * The containers and volumes that are injected, exactly as they are stored: what the API server would fill in is written out,
 * so that a live pod can be compared with this. The policy `actiongrant-pods` of the chart is generated from it.
 */

import { EXCHANGE_AUDIENCE } from '../../core/api/names.ts';
import {
  AGENT_DIRECTORY,
  INBOUND_PORTS_VARIABLE,
  INIT_CONTAINER_NAME,
  POD_VOLUMES,
  SIDECAR_CONFIG_MAP,
  SIDECAR_CONTAINER_NAME,
  SIDECAR_METRICS_PORT_NAME,
  SIDECAR_PATHS,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';
import type { Container, Resources, Volume, VolumeMount } from '../pods/pod.ts';

/** What the operator chooses of the injected containers, and how the kubelet gets their image. */
export interface SidecarImage {
  image: string;
  imagePullPolicy: string;
  /** Names of Secrets in the agents' own namespaces: the kubelet pulls with all that a pod names. */
  imagePullSecrets: readonly string[];
  resources: Resources;
}

/** The members in which a live container may differ from the injected one. The chart's policy pins the image at admission. */
export const FREE_FIELDS = ['image', 'imagePullPolicy', 'resources', 'resizePolicy'] as const;
export type FixedContainer = Omit<Container, (typeof FREE_FIELDS)[number]>;

const fromField = (fieldPath: string): { fieldRef: object } => ({
  fieldRef: { apiVersion: 'v1', fieldPath },
});

/** `kubectl describe pod` shows what a container said that cannot start. */
const TERMINATION = {
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'FallbackToLogsOnError',
} as const;

/** Writes the packet filter's rules and ends. `ports` are those that stay open from outside. */
export function initContainer(ports: string): FixedContainer {
  return {
    name: INIT_CONTAINER_NAME,
    args: ['dist/sidecar/net-init/main.js'],
    // The API server stores no empty value.
    env: [{ name: INBOUND_PORTS_VARIABLE, ...(ports === '' ? {} : { value: ports }) }],
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...TERMINATION,
  };
}

/** The native sidecar (KEP-753). */
export function sidecarContainer(): FixedContainer {
  return {
    name: SIDECAR_CONTAINER_NAME,
    // Measured: docs/benchmarks.md.
    args: ['--max-semi-space-size=4', '--max-old-space-size=56', 'dist/sidecar/main.js'],
    env: [
      { name: 'ACTIONGRANT_SETTINGS', value: SIDECAR_PATHS.settings },
      { name: 'ACTIONGRANT_POD_NAMESPACE', valueFrom: fromField('metadata.namespace') },
      { name: 'ACTIONGRANT_POD_NAME', valueFrom: fromField('metadata.name') },
      { name: 'ACTIONGRANT_SERVICE_ACCOUNT', valueFrom: fromField('spec.serviceAccountName') },
    ],
    ports: [
      {
        name: SIDECAR_METRICS_PORT_NAME,
        containerPort: SIDECAR_PORTS.operations,
        protocol: 'TCP',
      },
    ],
    restartPolicy: 'Always',
    // Holds back every other container until calls are intercepted.
    startupProbe: {
      httpGet: { path: '/readyz', port: SIDECAR_PORTS.operations, scheme: 'HTTP' },
      failureThreshold: 60,
      periodSeconds: 1,
      successThreshold: 1,
      timeoutSeconds: 1,
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsGroup: SIDECAR_UID,
      runAsNonRoot: true,
      runAsUser: SIDECAR_UID,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...TERMINATION,
    volumeMounts: [
      { name: POD_VOLUMES.token, mountPath: SIDECAR_PATHS.token, readOnly: true },
      { name: POD_VOLUMES.settings, mountPath: SIDECAR_PATHS.settings, readOnly: true },
      { name: POD_VOLUMES.state, mountPath: SIDECAR_PATHS.state },
      { name: POD_VOLUMES.agent, mountPath: SIDECAR_PATHS.agent },
    ],
  };
}

const READABLE_BY_ALL = 0o644;
const MEMORY = { medium: 'Memory', sizeLimit: '1Mi' } as const;

export const INJECTED_VOLUMES: readonly Volume[] = [
  {
    name: POD_VOLUMES.token,
    projected: {
      defaultMode: READABLE_BY_ALL,
      sources: [
        {
          serviceAccountToken: {
            audience: EXCHANGE_AUDIENCE,
            expirationSeconds: 3600,
            path: 'token',
          },
        },
      ],
    },
  },
  {
    name: POD_VOLUMES.settings,
    configMap: { name: SIDECAR_CONFIG_MAP, defaultMode: READABLE_BY_ALL },
  },
  { name: POD_VOLUMES.state, emptyDir: MEMORY },
  { name: POD_VOLUMES.agent, emptyDir: MEMORY },
];

const INJECTED_VOLUME_NAMES: ReadonlySet<string> = new Set(Object.values(POD_VOLUMES));

/** Whether this is the name of an injected volume. */
export function isInjectedVolume({ name }: { name: string }): boolean {
  return INJECTED_VOLUME_NAMES.has(name);
}

/** How the agent's containers see what the sidecar writes for them. */
export const AGENT_MOUNT: VolumeMount = {
  name: POD_VOLUMES.agent,
  mountPath: AGENT_DIRECTORY,
  readOnly: true,
};
