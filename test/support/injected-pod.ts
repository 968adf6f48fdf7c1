/** Pods of an injected namespace, as the API server is asked to store them after the webhook. */

import {
  AGENT_MOUNT,
  INJECTED_VOLUMES,
  initContainer,
  sidecarContainer,
} from '../../controller/injection/injected-containers.ts';
import { DEFAULT_AGENT_UID } from '../../core/api/pod-layout.ts';

/** The chart's default of `controller.image`. */
export const SIDECAR_IMAGE = 'actiongrant:0.1.0';

const OURS = {
  image: SIDECAR_IMAGE,
  imagePullPolicy: 'IfNotPresent',
  resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '256Mi' } },
};

/** A container that admission lets stand beside the sidecar. */
export function anAgentContainer(name: string): object {
  return {
    name,
    image: 'agent.invalid/agent:test',
    ports: [{ containerPort: 8080 }],
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    },
    volumeMounts: [{ name: 'data', mountPath: '/data' }, AGENT_MOUNT],
  };
}

/** An injected pod with an init container (`prepare`) and two others (`agent`, `helper`) of its own. */
export function anInjectedPod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: {}, annotations: {} },
    spec: {
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: DEFAULT_AGENT_UID,
        runAsGroup: DEFAULT_AGENT_UID,
        fsGroup: DEFAULT_AGENT_UID,
        supplementalGroups: [4711],
        seccompProfile: { type: 'RuntimeDefault' },
      },
      initContainers: [
        { ...initContainer('8080/tcp'), ...OURS },
        { ...sidecarContainer(), ...OURS },
        anAgentContainer('prepare'),
      ],
      containers: [anAgentContainer('agent'), anAgentContainer('helper')],
      volumes: [
        ...INJECTED_VOLUMES,
        { name: 'data', emptyDir: {} },
        { name: 'info', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } },
      ],
    },
  };
}

/** One operation of a JSON patch (RFC 6902). */
export interface Change {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path: string;
  readonly value?: unknown;
}

/** A copy of an object with these changes. @throws Error for a path that leads nowhere */
export function changed(object: object, changes: readonly Change[]): object {
  const copy = structuredClone(object);
  for (const { op, path, value } of changes) {
    const keys = path
      .slice(1)
      .split('/')
      .map((key) => key.replaceAll('~1', '/'));
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>((node, key) => member(node, key, path), copy);
    if (Array.isArray(parent)) {
      const index = last === '-' ? parent.length : Number(last);
      parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
    } else if (op === 'remove') delete (parent as Record<string, unknown>)[last];
    else (parent as Record<string, unknown>)[last] = value;
  }
  return copy;
}

function member(node: unknown, key: string, path: string): unknown {
  const value = (node as Record<string, unknown>)[key];
  if (typeof value !== 'object' || value === null) throw new Error(`${path}: no ${key}`);
  return value;
}
