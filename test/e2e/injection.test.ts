/** Workloads of every kind in an injected namespace of a real node: what works in them as it did, and what no longer does. */

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  DEFAULT_AGENT_UID,
  INIT_CONTAINER_NAME,
  SIDECAR_CONTAINER_NAME,
} from '../../core/api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { createUsableGrant } from '../support/grants.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import {
  createWorkloads,
  HOOK_PORTS,
  SERVER_PORTS,
  type Workloads,
} from '../support/node/injection-workloads.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { echoes, opens } from '../support/node/reachable.ts';
import { refusalIn } from '../support/node/refusal-text.ts';
import { ensureInstalled } from '../support/node/release.ts';
import { type NodeUpstream, startNodeUpstream } from '../support/node/upstreams.ts';

interface Pod extends KubeObject {
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string }[];
    readonly containers: readonly { readonly env?: unknown; readonly securityContext?: object }[];
    readonly automountServiceAccountToken?: boolean;
  };
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[];
    readonly containerStatuses: readonly { readonly name: string; readonly restartCount: number }[];
  };
}
interface List<T> {
  readonly items: readonly T[];
}

const HOST = 'injection.example.com';
const ACCOUNT = 'lent';
const SLOWLY = { withinMilliseconds: 20_000, everyMilliseconds: 100 };
/** Well below the 30 s that a pod has which does not end by itself. */
const PROMPTLY_SECONDS = 20;
const url = (path: string) => `https://${HOST}/${path}`;

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let workloads: Workloads;
let upstream: NodeUpstream;
/** Without the label. */
let outside: string;
let server: Pod;

beforeAll(async () => {
  await ensureInstalled(cluster);
  [agents, outside, upstream] = await Promise.all([
    useAgentNamespace(cluster),
    cluster.createNamespace('outside'),
    startNodeUpstream(cluster, { names: [HOST] }),
  ]);
  workloads = createWorkloads(cluster, agents.name, url);
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: ACCOUNT, namespace: agents.name },
  });
  await Promise.all(['early', 'last', 'companion-last', 'job'].map(allow));
  const bystander = createWorkloads(cluster, outside, url).plain('bystander');
  // A new namespace has no ServiceAccount at first.
  await eventually(() => cluster.apply(bystander), SLOWLY);
  await cluster.apply(
    workloads.deployment('server', workloads.server()),
    workloads.service('server', 'server'),
    workloads.farewell(),
    workloads.job('granted', 'job'),
    workloads.job('refused', 'job-refused'),
  );
  await Promise.all([
    must(['rollout', 'status', 'deployment/server', '--timeout=60s']),
    cluster.untilPodReady(agents.name, 'farewell'),
    cluster.untilPodReady(outside, 'bystander'),
  ]);
  const { items } = await cluster.api<List<Pod>>('GET', podsPath('?labelSelector=app%3Dserver'));
  server = items[0] as Pod;
});

afterAll(async () => {
  await upstream?.close();
  await agents?.release();
  if (outside !== undefined) await cluster.api('DELETE', `/api/v1/namespaces/${outside}`);
  await cluster.disconnect();
});

const podsPath = (rest: string) => `/api/v1/namespaces/${agents.name}/pods${rest}`;

function allow(path: string) {
  return createUsableGrant(cluster, agents.name, {
    spec: {
      agent: { serviceAccountName: 'default' },
      action: { type: 'HTTP', http: { method: 'GET', url: url(path) } },
      credential: {
        type: 'ServiceAccountToken',
        serviceAccountToken: { serviceAccountName: ACCOUNT, audience: `https://${HOST}` },
      },
    },
  });
}

/** kubectl in the agents' namespace; what it prints. */
async function must(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl([`--namespace=${agents.name}`, ...args]);
  expect(code, `kubectl ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}

function inContainer(container: string, ...command: string[]): Promise<string> {
  return inPod(server.metadata.name, container, ...command);
}

async function inPod(pod: string, container: string, ...command: string[]): Promise<string> {
  const { stdout, stderr } = await cluster.exec(agents.name, pod, command, { container });
  return `${stdout}${stderr}`;
}

/** What a container of the pod `farewell` has printed. */
async function linesOf(container: string, ...flags: string[]): Promise<string[]> {
  const output = await must(['logs', 'farewell', `--container=${container}`, ...flags]);
  return output.split('\n').filter((line) => line !== '');
}

/** Refused without a grant, carried out with one, once. */
async function expectIntercepted(
  container: string,
  path: string,
  pod = server.metadata.name,
): Promise<void> {
  const call = () => inPod(pod, container, 'curl', '-sS', '-m10', url(path));
  const refused = await call();
  expect(refusalIn(refused).code, refused).toBe('GrantRequired');
  expect(upstream.count(`GET /${path}`)).toBe(0);
  await allow(path);
  expect(await call()).toBe('{"done":true}');
  expect(upstream.count(`GET /${path}`)).toBe(1);
}

describe('every container calls through the sidecar', () => {
  it.each(['web', 'worker'])('%s of a Deployment', async (container) => {
    await expectIntercepted(container, `by-${container}`);
  });

  it('an init container, before the others start', async () => {
    const [refused = '', granted] = await linesOf('early');
    expect(refusalIn(refused).code, refused).toBe('GrantRequired');
    expect(granted).toBe('{"done":true}');
    expect(upstream.count('GET /early')).toBe(1);
  });

  // Its granted call is its last: see below.
  it('a native sidecar of its own', async () => {
    const [refused = ''] = await linesOf('companion');
    expect(refusalIn(refused).code, refused).toBe('GrantRequired');
  });

  it('and of what was refused, nothing arrived', () => {
    const paths = upstream.requests.map(({ path }) => path);
    expect(paths).toContain('/early');
    expect(paths.filter((path) => path.endsWith('refused'))).toEqual([]);
  });

  it('a container that was started again', async () => {
    const { name } = server.metadata;
    await cluster.killContainer(agents.name, name, 'worker');
    await eventually(async () => {
      const { status } = await cluster.api<Pod>('GET', podsPath(`/${name}`));
      expect(status.containerStatuses).toContainEqual(
        expect.objectContaining({ name: 'worker', restartCount: 1, started: true }),
      );
    }, SLOWLY);
    await expectIntercepted('worker', 'by-worker-again');
  });

  it('as an ordinary user, whatever the image says', async () => {
    const whoami = ['id', '-u'];
    expect(await inContainer('worker', ...whoami)).toBe(`${DEFAULT_AGENT_UID}\n`);
    expect(await cluster.exec(outside, 'bystander', whoami)).toMatchObject({ stdout: '0\n' });
  });
});

describe('a Job', () => {
  it('completes, though its pod has a sidecar', async () => {
    await must(['wait', '--for=condition=Complete', '--timeout=30s', 'job/granted']);
    expect(upstream.count('GET /job')).toBe(1);
  });

  it('fails when its call is refused', async () => {
    await must(['wait', '--for=condition=Failed', '--timeout=30s', 'job/refused']);
    const output = await must(['logs', 'job/refused', '-c', 'agent']);
    expect(refusalIn(output).code, output).toBe('GrantRequired');
  });
});

describe('inbound', () => {
  it('declared and probed ports are open, others closed, on both families', async () => {
    const { declared, probed, probedHTTPS, probedGRPC, undeclared, declaredUDP, undeclaredUDP } =
      SERVER_PORTS;
    const found = await Promise.all(
      server.status.podIPs.map(({ ip }) =>
        Promise.all([
          ...[declared, probed, probedHTTPS, probedGRPC, undeclared].map((port) => opens(ip, port)),
          ...[declaredUDP, undeclaredUDP].map((port) => echoes(ip, port)),
        ]),
      ),
    );
    const expected = [true, true, true, true, false, true, false];
    expect(found).toEqual([expected, expected]);
  });

  it('the closed ones are listened on: the pod itself reaches them', async () => {
    const { undeclared, undeclaredUDP } = SERVER_PORTS;
    const http = await inContainer('worker', 'curl', '-sS', `http://127.0.0.1:${undeclared}/`);
    expect(http).toBe(`port ${undeclared}`);
    const udp = `echo hello | nc -u -w1 127.0.0.1 ${undeclaredUDP}`;
    expect(await inContainer('worker', 'sh', '-c', udp)).toBe('hello\n');
  });

  it('a pod elsewhere reaches it by its Service', async () => {
    const service = `http://server.${agents.name}.svc.cluster.local/`;
    const result = await cluster.exec(outside, 'bystander', ['curl', '-sS', '-m5', service]);
    expect(result).toEqual({ code: 0, stdout: `port ${SERVER_PORTS.declared}`, stderr: '' });
  });

  it('probes of every kind never failed', async () => {
    const { status } = await cluster.api<Pod>('GET', podsPath(`/${server.metadata.name}`));
    const restarts = status.containerStatuses.map(({ name, restartCount }) => [name, restartCount]);
    expect(Object.fromEntries(restarts)).toMatchObject({ web: 0, secure: 0 });
    const liveness = await events(server.metadata.name, 'Killing');
    expect(liveness).toEqual([]);
  });

  it('HTTPS and gRPC probes are what the server was asked', async () => {
    await eventually(async () => {
      const output = await must(['logs', server.metadata.name, '--container=secure']);
      expect(output.split('\n')).toEqual(
        expect.arrayContaining(['HTTPS /alive', 'gRPC /grpc.health.v1.Health/Check']),
      );
    }, SLOWLY);
  });

  it('a hook reaches a port that it alone names, once its container has started', async () => {
    expect(await linesOf('hooked')).toEqual([`${HOOK_PORTS.postStart} /post-start`]);
  });
});

/** Messages of the events of an object. */
async function events(name: string, reason: string): Promise<string[]> {
  const selector = `involvedObject.name=${name},reason=${reason}`;
  const { items } = await cluster.api<List<KubeObject & { message: string }>>(
    'GET',
    `/api/v1/namespaces/${agents.name}/events?fieldSelector=${encodeURIComponent(selector)}`,
  );
  return items.map(({ message }) => message);
}

describe('the end of a pod', () => {
  it('is prompt, and the sidecar is the last to go', async () => {
    // To its end, which is after the hook.
    const hooked = linesOf('hooked', '--follow');
    const began = performance.now();
    await must(['delete', 'pod', 'farewell', '--wait', `--timeout=${PROMPTLY_SECONDS}s`]);
    const seconds = (performance.now() - began) / 1_000;
    expect(seconds).toBeLessThan(PROMPTLY_SECONDS);
    const paths = upstream.effects.map(({ path }) => path);
    // The companion is told once the agent has ended.
    expect(paths.filter((path) => path.endsWith('last'))).toEqual(['/last', '/companion-last']);
    expect(await hooked).toContain(`${HOOK_PORTS.preStop} /pre-stop`);
  });
});

describe('kubectl debug', () => {
  const debug = (...flags: string[]) =>
    cluster.kubectl([
      ...[`--namespace=${agents.name}`, 'debug', server.metadata.name, ...flags],
      ...[`--image=${cluster.agentImage}`, '--image-pull-policy=Never', '--container=debugger'],
      ...['--profile=restricted', '--', 'sleep', 'infinity'],
    ]);

  // After a restart of the node the kubelet would start it beside net-init.
  it('is refused in the pod itself, with the command that makes a copy', async () => {
    const { code, stdout, stderr } = await debug();
    expect(code, stdout).not.toBe(0);
    expect(stderr).toContain(
      `kubectl debug ${server.metadata.name} --namespace=${agents.name} --copy-to=${server.metadata.name}-debug `,
    );
  });

  it('is restricted and intercepted like the rest in a copy', async () => {
    const name = `${server.metadata.name}-debug`;
    const { code, stderr } = await debug(`--copy-to=${name}`, '--share-processes=false');
    expect(code, stderr).toBe(0);
    await cluster.untilPodReady(agents.name, name);
    const capabilities = await inPod(name, 'debugger', 'grep', 'CapBnd', '/proc/self/status');
    expect(capabilities).toMatch(/:\t0+\n$/);
    expect(await inPod(name, 'debugger', 'id', '-u')).toBe(`${DEFAULT_AGENT_UID}\n`);
    await expectIntercepted('debugger', 'by-debugger', name);
  });
});

it('our image is pulled only if the operator says so, whatever the pod says', async () => {
  const ours = { image: 'registry.invalid/actiongrant:1', imagePullPolicy: 'Always' };
  const { spec } = await cluster.api<
    KubeObject & { spec: { initContainers: { image: string; imagePullPolicy: string }[] } }
  >('POST', podsPath('?dryRun=All'), {
    metadata: { name: 'pulls' },
    spec: {
      initContainers: [INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME].map((name) => ({
        name,
        ...ours,
      })),
      containers: [workloads.container('agent', 'true')],
    },
  });
  const { productImage: image } = cluster;
  expect(spec.initContainers).toMatchObject([
    { image, imagePullPolicy: 'Never' },
    { image, imagePullPolicy: 'Never' },
  ]);
});

it('a namespace without the label is left alone', async () => {
  const { spec } = await cluster.api<Pod>('GET', `/api/v1/namespaces/${outside}/pods/bystander`);
  expect(spec.initContainers).toBeUndefined();
  expect(spec.automountServiceAccountToken).toBeUndefined();
  expect(spec.containers).toHaveLength(1);
  expect(spec.containers[0]).not.toHaveProperty('env');
  expect(spec.containers[0]).not.toHaveProperty('securityContext');
  const call = ['curl', '-sSk', '-m5', '-o/dev/null', '-w%{http_code}', url('direct')];
  // The service itself asks for a token.
  expect(await cluster.exec(outside, 'bystander', call)).toMatchObject({ stdout: '401' });
});
