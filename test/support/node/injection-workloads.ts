/** Workloads as people write them who have not heard of ActionGrant. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeCluster } from './node-cluster.ts';

const source = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');
const SERVER = source('inbound-program.ts');
const SECURE_SERVER = source('secure-program.ts');

/** Where the server of {@link createWorkloads} listens. */
export const SERVER_PORTS = {
  /** Declared, with the name `http`. */
  declared: 8080,
  /** Declared by a probe alone. */
  probed: 8081,
  undeclared: 9090,
  /** Each declared by a probe of its kind alone. */
  probedHTTPS: 8443,
  probedGRPC: 8082,
  declaredUDP: 5353,
  undeclaredUDP: 5354,
} as const;

/** Declared by the lifecycle hooks of `farewell` alone. */
export const HOOK_PORTS = { postStart: 8083, preStop: 8084 } as const;
/** Of the container that serves those, for its own probe. */
const HOOKS_READY = 8085;

/** What the shell runs in a container that waits, and still ends when it is told to. */
const WAIT = 'sleep infinity & wait';

export type Workloads = ReturnType<typeof createWorkloads>;

/** All of one namespace; `url` makes one of the called service's for a path. */
export function createWorkloads(
  cluster: NodeCluster,
  namespace: string,
  url: (path: string) => string,
) {
  const container = (name: string, script: string, rest: object = {}) => ({
    name,
    image: cluster.agentImage,
    imagePullPolicy: 'Never',
    command: ['sh', '-c', script],
    ...rest,
  });
  /** A TypeScript program that listens until it is told to end. */
  const program = (name: string, text: string, args: readonly string[], rest: object = {}) => ({
    ...container(name, ''),
    command: ['node', '--input-type=module-typescript', '--eval', text, '--', ...args],
    ...rest,
  });
  const call = (path: string) => `curl -sS ${url(path)}; echo`;
  /** Waits; then does this. */
  const lastly = (script: string) => `trap "${script}; exit" TERM; ${WAIT}`;
  const object = <T>(apiVersion: string, kind: string, name: string, spec: T) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
    spec,
  });
  const pod = (name: string, spec: object) => object('v1', 'Pod', name, spec);
  const labels = (app: string) => ({ metadata: { labels: { app } } });
  const often = { periodSeconds: 1, failureThreshold: 60 };
  /** Often, but a busy machine's slowness is no failure. */
  const patiently = { periodSeconds: 1, timeoutSeconds: 10 };

  return {
    container,
    pod,

    /** The plainest there is. */
    plain: (name: string) =>
      pod(name, {
        terminationGracePeriodSeconds: 1,
        containers: [container('agent', 'sleep infinity')],
      }),

    deployment: <T extends object>(name: string, spec: T) =>
      object('apps/v1', 'Deployment', name, {
        selector: { matchLabels: { app: name } },
        template: { ...labels(name), spec },
      }),

    job: (name: string, path: string) =>
      object('batch/v1', 'Job', name, {
        backoffLimit: 0,
        template: {
          spec: {
            restartPolicy: 'Never',
            containers: [container('agent', `curl -sS --fail-with-body ${url(path)}`)],
          },
        },
      }),

    service: (name: string, app: string) =>
      object('v1', 'Service', name, {
        selector: { app },
        ports: [{ port: 80, targetPort: 'http' }],
      }),

    /** Containers with probes of every kind. */
    server: () => ({
      terminationGracePeriodSeconds: 1,
      containers: [
        program(
          'web',
          SERVER,
          [
            `${SERVER_PORTS.declared},${SERVER_PORTS.probed},${SERVER_PORTS.undeclared}`,
            `${SERVER_PORTS.declaredUDP},${SERVER_PORTS.undeclaredUDP}`,
          ],
          {
            ports: [
              { name: 'http', containerPort: SERVER_PORTS.declared },
              { containerPort: SERVER_PORTS.declaredUDP, protocol: 'UDP' },
            ],
            startupProbe: { httpGet: { path: '/', port: 'http' }, ...often },
            livenessProbe: { httpGet: { path: '/', port: SERVER_PORTS.declared }, ...patiently },
            readinessProbe: { tcpSocket: { port: SERVER_PORTS.probed }, periodSeconds: 1 },
          },
        ),
        program(
          'secure',
          SECURE_SERVER,
          [`${SERVER_PORTS.probedHTTPS}`, `${SERVER_PORTS.probedGRPC}`],
          {
            startupProbe: { grpc: { port: SERVER_PORTS.probedGRPC }, ...often },
            livenessProbe: {
              httpGet: { scheme: 'HTTPS', path: '/alive', port: SERVER_PORTS.probedHTTPS },
              ...patiently,
            },
            readinessProbe: {
              grpc: { port: SERVER_PORTS.probedGRPC, service: 'ready' },
              ...patiently,
            },
          },
        ),
        container('worker', `touch /tmp/ready; ${WAIT}`, {
          startupProbe: { exec: { command: ['test', '-e', '/tmp/ready'] }, ...often },
          livenessProbe: { exec: { command: ['true'] }, ...patiently },
        }),
      ],
    }),

    /**
     * An init container, native sidecars of its own, and hooks that call one of those: there is no other server that a
     * container can rely on when it has just started. Both calls at the end come after SIGTERM, one after the other.
     */
    farewell: () =>
      pod('farewell', {
        initContainers: [
          container('early', `${call('early-refused')}; ${call('early')}`),
          program(
            'hooked',
            SERVER,
            [`${HOOK_PORTS.postStart},${HOOK_PORTS.preStop},${HOOKS_READY}`, ''],
            {
              restartPolicy: 'Always',
              startupProbe: { tcpSocket: { port: HOOKS_READY }, ...often },
            },
          ),
          container(
            'companion',
            `${call('companion-refused')}; ${lastly(call('companion-last'))}`,
            {
              restartPolicy: 'Always',
              startupProbe: { exec: { command: ['true'] }, ...often },
            },
          ),
        ],
        containers: [
          // A sidecar that was told to end at the same time would be gone by then.
          container('agent', lastly(`sleep 2; ${call('last')}`), {
            lifecycle: {
              postStart: { httpGet: { path: '/post-start', port: HOOK_PORTS.postStart } },
              preStop: { httpGet: { path: '/pre-stop', port: HOOK_PORTS.preStop } },
            },
          }),
        ],
      }),
  };
}
