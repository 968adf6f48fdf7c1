/** What the containers of a pod say: which of them are the agent's, what the kubelet calls, and under whom they run. */

import { INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME } from '../../core/api/pod-layout.ts';
import type {
  Container,
  InheritedSecurityContext,
  NetworkHandler,
  PodSecurityContext,
  PodSpec,
} from './pod.ts';

/** A container and the field it stands in, as `spec.containers[0]`. */
export interface PlacedContainer {
  readonly container: Container;
  readonly field: string;
}

const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;
/** Net-init and the sidecar are the first two init containers. */
const INJECTED_PLACES = 2;

/** Every container of a pod but the injected ones. One that only has such a name, elsewhere, is the agent's. */
export function agentContainersOf(spec: PodSpec): PlacedContainer[] {
  return CONTAINER_LISTS.flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) =>
      list === 'initContainers' && index < INJECTED_PLACES && hasInjectedName(container.name)
        ? []
        : [{ container, field: `spec.${list}[${index}]` }],
    ),
  );
}

/** Whether this is the name of an injected container. What the container really is, the name does not tell. */
export function hasInjectedName(name: string | undefined): boolean {
  return name === INIT_CONTAINER_NAME || name === SIDECAR_CONTAINER_NAME;
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

/** What holds for a container: its own word, else the pod's. */
export function effective<K extends keyof InheritedSecurityContext>(
  { securityContext }: Container,
  pod: PodSecurityContext,
  member: K,
): InheritedSecurityContext[K] {
  return securityContext?.[member] ?? pod[member];
}
