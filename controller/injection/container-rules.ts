/** Rules about each container but the injected ones. */

import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  AGENT_DIRECTORY,
  POD_VOLUMES,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';
import { effective, handlersOf, hasInjectedName } from '../pods/containers.ts';
import type { Container, PodSecurityContext } from '../pods/pod.ts';
import { AGENT_MOUNT, isInjectedVolume } from './injected-containers.ts';
import { type Rule, when } from './rule.ts';

const RESERVED_PORTS: ReadonlySet<number> = new Set(Object.values(SIDECAR_PORTS));

/** A container of the agent's, and what it inherits. */
export interface ContainerSubject {
  readonly container: Container;
  readonly pod: PodSecurityContext;
}

export const CONTAINER_RULES: readonly Rule<ContainerSubject>[] = [
  {
    id: 'injected-first',
    broken: ({ container: { name } }) => when(hasInjectedName(name), 'name'),
    reason: "is the name of one of ActionGrant's own containers. Rename yours",
  },
  {
    id: 'privileges',
    broken: ({ container: { securityContext = {} } }) => [
      ...when(securityContext.privileged, 'securityContext.privileged'),
      ...when(
        securityContext.allowPrivilegeEscalation !== false,
        'securityContext.allowPrivilegeEscalation',
      ),
    ],
    reason: 'must be false: a privileged process walks around every limit of its pod',
  },
  {
    id: 'privileges',
    broken: ({ container: { securityContext } }) => [
      ...when(
        !securityContext?.capabilities?.drop?.includes('ALL'),
        'securityContext.capabilities.drop',
      ),
    ],
    reason: 'must have ALL',
  },
  {
    id: 'privileges',
    broken: ({ container: { securityContext } }) =>
      when(
        securityContext?.capabilities?.add?.some((name) => name !== 'NET_BIND_SERVICE'),
        'securityContext.capabilities.add',
      ),
    reason:
      'may have NET_BIND_SERVICE alone (to debug a pod, use kubectl debug --profile=restricted)',
  },
  {
    id: 'user',
    broken: ({ container, pod }) => {
      const user = effective(container, pod, 'runAsUser');
      return when(
        user === undefined || user === 0 || user === SIDECAR_UID,
        'securityContext.runAsUser',
      );
    },
    reason: `must be a user other than root and ${SIDECAR_UID}, which is the sidecar's`,
  },
  {
    id: 'user',
    broken: ({ container, pod }) =>
      when(effective(container, pod, 'runAsNonRoot') !== true, 'securityContext.runAsNonRoot'),
    reason: 'must be true',
  },
  {
    id: 'user',
    broken: ({ container, pod }) =>
      when(effective(container, pod, 'runAsGroup') === SIDECAR_UID, 'securityContext.runAsGroup'),
    reason: `must not be ${SIDECAR_UID}: that group is the sidecar's`,
  },
  {
    id: 'profiles',
    broken: ({ container, pod }) =>
      when(
        effective(container, pod, 'seccompProfile')?.type === undefined,
        'securityContext.seccompProfile',
      ),
    reason: 'must be RuntimeDefault or Localhost',
  },
  {
    id: 'privileges',
    broken: ({ container: { securityContext } }) =>
      when((securityContext?.procMount ?? 'Default') !== 'Default', 'securityContext.procMount'),
    reason: 'must be Default',
  },
  {
    id: 'ports',
    broken: ({ container: { ports = [] } }) =>
      ports.flatMap(({ hostPort = 0 }, index) => when(hostPort !== 0, `ports[${index}].hostPort`)),
    reason: "must be left out: the node's ports lead around the pod's own network. Use a Service",
  },
  {
    id: 'ports',
    broken: ({ container: { ports = [] } }) =>
      ports.flatMap(({ containerPort = 0 }, index) =>
        when(RESERVED_PORTS.has(containerPort), `ports[${index}].containerPort`),
      ),
    reason: `must be another port: the sidecar listens on ${Object.values(SIDECAR_PORTS).join(', ')}`,
  },
  {
    id: 'ports',
    // A name stands for a containerPort, which is judged above.
    broken: ({ container }) =>
      handlersOf(container).flatMap(({ handler, field }) =>
        (['httpGet', 'tcpSocket', 'grpc'] as const).flatMap((kind) =>
          when(RESERVED_PORTS.has(Number(handler[kind]?.port)), `${field}.${kind}.port`),
        ),
      ),
    reason: `must be a port of the container's own: behind ${Object.values(SIDECAR_PORTS).join(', ')} is the sidecar`,
  },
  {
    id: 'ports',
    broken: ({ container: { ports = [] } }) =>
      ports.flatMap(({ protocol }, index) => when(protocol === 'SCTP', `ports[${index}].protocol`)),
    reason: 'must be TCP or UDP: nothing else is let in',
  },
  {
    id: 'handler-hosts',
    broken: ({ container }) =>
      handlersOf(container).flatMap(({ handler: { httpGet, tcpSocket }, field }) => [
        ...when(Boolean(httpGet?.host), `${field}.httpGet.host`),
        ...when(Boolean(tcpSocket?.host), `${field}.tcpSocket.host`),
      ]),
    reason: 'must be left out: the kubelet would call it from the node, past the sidecar',
  },
  {
    id: 'ephemeral-containers',
    broken: ({ container: { targetContainerName } }) =>
      when(hasInjectedName(targetContainerName), 'targetContainerName'),
    reason:
      "must not name an injected container: the sidecar's process holds what agents must not have",
  },
  {
    id: 'volume-mounts',
    broken: ({ container: { volumeMounts = [] } }) =>
      volumeMounts.flatMap((mount, index) =>
        when(
          isInjectedVolume(mount) && mount.name !== POD_VOLUMES.agent,
          `volumeMounts[${index}].name`,
        ),
      ),
    reason: "must not be one of ActionGrant's own volumes. Rename yours",
  },
  {
    id: 'variables-from-files',
    broken: ({ container: { env = [] } }) =>
      env.flatMap(({ valueFrom }, index) =>
        when(
          isInjectedVolume({ name: valueFrom?.fileKeyRef?.volumeName ?? '' }),
          `env[${index}].valueFrom.fileKeyRef.volumeName`,
        ),
      ),
    reason: "must not be one of ActionGrant's own volumes",
  },
  {
    id: 'volume-mounts',
    broken: ({ container: { volumeMounts = [] } }) =>
      volumeMounts.flatMap((mount, index) =>
        when(
          mount.name !== POD_VOLUMES.agent && isInAgentDirectory(mount.mountPath),
          `volumeMounts[${index}].mountPath`,
        ),
      ),
    reason: `must not be in ${AGENT_DIRECTORY}: the sidecar puts there what in-cluster clients look for`,
  },
  {
    id: 'agent-mount',
    broken: ({ container: { volumeMounts = [] } }) => {
      const mounts = volumeMounts.filter(({ name }) => name === POD_VOLUMES.agent);
      return when(!isDeepStrictEqual(mounts, [AGENT_MOUNT]), 'volumeMounts');
    },
    reason: `must have the volume ${POD_VOLUMES.agent} once, read-only, at ${AGENT_DIRECTORY}`,
  },
];

/** /var/run is a link to /run in most images. */
function isInAgentDirectory(mountPath: string): boolean {
  const path = posix.normalize(`/${mountPath}/`).replace(/^\/run\//, '/var/run/');
  return path.startsWith(`${AGENT_DIRECTORY}/`);
}
