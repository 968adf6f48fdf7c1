/** The ports of a pod that must stay reachable from outside: those it declares, and those the kubelet connects to. */

import { handlersOf, hasInjectedName } from '../pods/containers.ts';
import type { Container, NetworkHandler, PodSpec } from '../pods/pod.ts';

/** For net-init, such as `5353/udp,8080/tcp`; sorted, so that the same pod always says the same. */
export function inboundPorts({ initContainers = [], containers = [] }: PodSpec): string {
  const agents = [...initContainers, ...containers].filter(({ name }) => !hasInjectedName(name));
  const ports = agents.flatMap((container) => [
    ...declaredPorts(container),
    ...handlersOf(container).flatMap(({ handler }) => portOf(handler, container) ?? []),
  ]);
  return [...new Set(ports)].sort().join(',');
}

function declaredPorts({ ports = [] }: Container): string[] {
  return ports.flatMap(({ containerPort, protocol = 'TCP' }) =>
    containerPort === undefined ? [] : [`${containerPort}/${protocol.toLowerCase()}`],
  );
}

/** Undefined for a handler that runs a program, and for one that names a port that is not there: the kubelet fails it, too. */
function portOf(
  { httpGet, tcpSocket, grpc }: NetworkHandler,
  { ports = [] }: Container,
): string | undefined {
  const port = (httpGet ?? tcpSocket ?? grpc)?.port;
  const number =
    typeof port === 'string' ? ports.find(({ name }) => name === port)?.containerPort : port;
  return number === undefined ? undefined : `${number}/tcp`;
}
