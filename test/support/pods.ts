/** Pods as people write them, for the tests of injection. */

import { type Injection, inject } from '../../controller/injection/inject.ts';
import type { SidecarImage } from '../../controller/injection/injected-containers.ts';
import type { Container, Pod, PodSpec } from '../../controller/pods/pod.ts';

export const SIDECAR_IMAGE: SidecarImage = {
  image: 'registry.example/actiongrant:test',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
};

export function aPod(spec: PodSpec & Record<string, unknown> = {}): Pod {
  return {
    metadata: { name: 'incident-agent-0' },
    spec: { containers: [aContainer()], ...spec },
  };
}

export function aContainer(fields: Partial<Container> & Record<string, unknown> = {}): Container {
  return { name: 'agent', image: 'agent.invalid/agent:test', ...fields };
}

/** The pod injected. @throws Error with what stands in the way */
export function injected(pod: Pod = aPod()): Pod {
  return accepted(inject(pod, SIDECAR_IMAGE));
}

/** @throws Error with what stands in the way */
export function accepted(injection: Injection): Pod {
  if ('injected' in injection) return injection.injected;
  throw new Error(injection.faults.map(({ field, reason }) => `${field} ${reason}`).join('; '));
}

/** The fields for which a pod is refused as it is submitted; none: it is injected. */
export function refusedFields(pod: Pod): string[] {
  const injection = inject(pod, SIDECAR_IMAGE);
  return 'faults' in injection ? injection.faults.map(({ field }) => field) : [];
}
