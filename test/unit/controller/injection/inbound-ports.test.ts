import { expect, test } from 'vitest';
import { inboundPorts } from '../../../../controller/injection/inbound-ports.ts';
import type { Container, PodSpec } from '../../../../controller/pods/pod.ts';
import { aContainer, injected } from '../../../support/pods.ts';

const of = (fields: Partial<Container>): PodSpec => ({ containers: [aContainer(fields)] });
const web = { name: 'web', containerPort: 8080 };

test.for<[what: string, ports: string, spec: PodSpec]>([
  ['nothing', '', {}],
  ['a container without ports', '', of({})],
  ['a port, TCP by default', '8080/tcp', of({ ports: [{ containerPort: 8080 }] })],
  ['UDP', '53/udp', of({ ports: [{ containerPort: 53, protocol: 'UDP' }] })],
  ['a port without a number', '', of({ ports: [{ name: 'web' }] })],
  [
    'the same port twice',
    '8080/tcp',
    { containers: [aContainer({ ports: [web] }), aContainer({ name: 'b', ports: [web] })] },
  ],
  [
    'ports in any order, as text',
    '15/tcp,8080/tcp,9/udp',
    of({
      ports: [{ containerPort: 9, protocol: 'UDP' }, web, { containerPort: 15 }],
    }),
  ],
  ['an HTTP probe', '8081/tcp', of({ readinessProbe: { httpGet: { port: 8081 } } })],
  ['a TCP probe', '8081/tcp', of({ startupProbe: { tcpSocket: { port: 8081 } } })],
  ['a gRPC probe', '9000/tcp', of({ livenessProbe: { grpc: { port: 9000 } } })],
  [
    'hooks',
    '7001/tcp,7002/tcp',
    of({
      lifecycle: {
        postStart: { httpGet: { port: 7001 } },
        preStop: { tcpSocket: { port: 7002 } },
      },
    }),
  ],
  [
    'a probe by name',
    '8080/tcp',
    of({ ports: [web], readinessProbe: { httpGet: { port: 'web' } } }),
  ],
  ['a probe by the name of no port', '', of({ readinessProbe: { httpGet: { port: 'web' } } })],
  [
    "a probe by the name of another container's port",
    '8080/tcp',
    {
      containers: [
        aContainer({ ports: [web] }),
        aContainer({ name: 'b', readinessProbe: { httpGet: { port: 'web' } } }),
      ],
    },
  ],
  ['a probe that runs a program', '', of({ livenessProbe: {} })],
  [
    'init containers',
    '9090/tcp',
    { initContainers: [aContainer({ name: 'mesh', ports: [{ containerPort: 9090 }] })] },
  ],
  ['injected containers, which are reachable anyway', '', injected().spec ?? {}],
])('open from outside with %s: "%s"', ([, ports, spec]) => {
  expect(inboundPorts(spec)).toBe(ports);
});
