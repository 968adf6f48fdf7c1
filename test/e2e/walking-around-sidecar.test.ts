/** What an agent can do to the sidecar's process, files and ports from inside the same pod, and which pods never start. */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  AGENT_DIRECTORY,
  SIDECAR_PATHS,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import type { AgentPod } from '../support/node/agent-pod.ts';
import { attempt, type Outcomes } from '../support/node/attempts.ts';
import { get, grantGet } from '../support/node/granted-call.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { ensureInstalled } from '../support/node/release.ts';
import { type Service, startService } from '../support/node/service.ts';
import {
  place,
  STRONGEST,
  startPod,
  strongestSpec,
  unwalledSpec,
} from '../support/node/walled-pods.ts';
import type { Step } from '../support/raw-sockets.ts';

const HOST = 'sidecar.walking.example.com';
const STREAM = 1;
const AF_INET = 2;
const shell = (script: string) => ['sh', '-c', script];
const program = (name: string) =>
  readFileSync(join(import.meta.dirname, '../support/node', name), 'utf8');
const run = promisify(execFile);

/** Each works in a pod where nothing holds. */
const ESCAPES: Readonly<Record<string, readonly string[]>> = {
  'B1 becoming the user of the sidecar': [
    'setpriv',
    `--reuid=${SIDECAR_UID}`,
    '--clear-groups',
    'id',
  ],
  'B1 a setuid program': ['su', '-c', 'id'],
  'B1 a program with a capability': ['ping', '-c1', '-W1', '127.0.0.1'],
  'B1 a user namespace': ['unshare', '--user', '--map-root-user', 'id'],
  'B1 a network of its own, as root of a user namespace': ['unshare', '-Urn', 'ip', 'link'],
  'B13 writing the file of names': shell('cat /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts'),
  'B13 writing the file of resolvers': shell(': >>/etc/resolv.conf'),
};
const PLACES = '/run /var/run /dev/shm /tmp /etc /proc/self/environ';
const LOOKS = {
  processes: shell('cat /proc/[0-9]*/cmdline | tr "\\0" " "'),
  traced: ['python3', '-c', program('seize.py')],
  keys: shell(`grep -rls "PRIVATE KEY" ${PLACES}; true`),
  tokens: shell(`grep -rlsE "eyJ[A-Za-z0-9_-]+[.]eyJ" ${PLACES}; true`),
  sockets: shell('cat /proc/net/unix'),
  memory: shell('cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg; ls -lnA /dev/shm'),
};
/** What each look finds in a pod where nothing hides a neighbour (neighbour.py), and not in an agent's. */
const TRACES: Readonly<Record<keyof typeof LOOKS, RegExp>> = {
  processes: /dist\/sidecar/,
  traced: /dist\/sidecar/,
  keys: /./,
  tokens: /./,
  sockets: /@/,
  memory: new RegExp(` ${SIDECAR_UID} `),
};
const OF_THE_AGENT = {
  token: ['cat', `${AGENT_DIRECTORY}/token`],
  writing: shell(`touch /tmp/x && echo works; touch ${AGENT_DIRECTORY}/x 2>&1; true`),
  volumes: shell(`ls -A ${SIDECAR_PATHS.state} ${SIDECAR_PATHS.token} 2>&1; true`),
};
const PORTS = [SIDECAR_PORTS.explicitProxy, SIDECAR_PORTS.transparent, SIDECAR_PORTS.dns];
const steps: Record<string, Step[]> = Object.fromEntries([
  ...PORTS.map((port) => [
    `bind ${port}`,
    [
      ['socket', 'a', AF_INET, STREAM, 0],
      ['bind', 'a', '127.0.0.1', port],
    ],
  ]),
  ...[SIDECAR_PORTS.transparent, SIDECAR_PORTS.operations].map((port) => [
    `connect ${port}`,
    [
      ['socket', 'a', AF_INET, STREAM, 0],
      ['connect', 'a', '127.0.0.1', port],
    ],
  ]),
]);

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let plain: string;
let service: Service;
let bare: AgentPod;
let walled: AgentPod;
let outside: Outcomes;
let inside: readonly Outcomes[];
let served = 0;

beforeAll(async () => {
  await ensureInstalled(cluster);
  agents = await useAgentNamespace(cluster);
  plain = await cluster.createNamespace('outside');
  [bare, walled, service] = await Promise.all([
    startPod(cluster, plain, 'bare', unwalledSpec(cluster)),
    startPod(cluster, agents.name, 'walled', strongestSpec(cluster)),
    startService(cluster, {
      names: [HOST],
      handle(_request, response) {
        served += 1;
        response.end('done');
      },
    }),
  ]);
  const everywhere = { ...ESCAPES, ...LOOKS };
  const commands = { ...everywhere, ...OF_THE_AGENT };
  [outside, ...inside] = await Promise.all([
    attempt(cluster, place(bare), { commands: everywhere, steps }),
    attempt(cluster, place(walled), { commands, steps }),
    attempt(cluster, place(walled, STRONGEST), { commands, steps }),
  ]);
}, 180_000);

afterAll(async () => {
  await service?.close();
  await agents?.release();
  if (plain !== undefined) await cluster.api('DELETE', `/api/v1/namespaces/${plain}`);
  await cluster.disconnect();
});

it.each(Object.keys(ESCAPES))('%s', (name) => {
  expect(outside.command(name)).toMatchObject({ code: 0 });
  for (const outcomes of inside) expect(outcomes.command(name).code).not.toBe(0);
});

it.each(Object.entries(TRACES))(
  'B13 B16 nothing of the sidecar is to be found among: %s',
  (name, trace) => {
    expect(outside.command(name).stdout).toMatch(trace);
    for (const outcomes of inside) {
      expect(outcomes.command(name).code, outcomes.command(name).stderr).toBe(0);
      expect(outcomes.command(name).stdout).not.toMatch(trace);
    }
  },
);

it('B13 B16 its key and its token are in volumes that no other container has', async () => {
  const { pid } = await cluster.containerProcess(agents.name, 'walled', 'actiongrant');
  const files = (folder: string) =>
    readdirSync(`/proc/${pid}/root${folder}`, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith('..'))
      .map(({ name }) => readFileSync(`/proc/${pid}/root${folder}/${name}`, 'utf8'))
      .join('');
  expect(files(SIDECAR_PATHS.state)).toContain('PRIVATE KEY');
  expect(files(SIDECAR_PATHS.token)).toMatch(/^eyJ/);
  for (const outcomes of inside) {
    expect(outcomes.command('volumes').stdout).not.toMatch(/^(?!ls: ).+$/m);
    expect(outcomes.command('token')).toMatchObject({ code: 0 });
    expect(outcomes.command('token').stdout).not.toMatch(/^ey|\..*\./);
  }
});

it('B16 nothing can be written where clients look for their CA', () => {
  for (const outcomes of inside) {
    expect(outcomes.command('writing').stdout).toMatch(/^works\ntouch: .*(?:Read-only|denied)/);
  }
});

it.each(PORTS)('its port %i cannot be taken', (port) => {
  expect(outside.steps(`bind ${port}`)).toEqual([0, 0]);
  for (const outcomes of inside) expect(outcomes.steps(`bind ${port}`)).toEqual([0, 'EADDRINUSE']);
});

it.each([SIDECAR_PORTS.transparent, SIDECAR_PORTS.operations])(
  'B6 its port %i cannot be connected to, but by its own user',
  async (port) => {
    const { pid } = await cluster.containerProcess(agents.name, 'walled', 'actiongrant');
    const own = [`--reuid=${SIDECAR_UID}`, `--regid=${SIDECAR_UID}`, '--clear-groups'];
    const program = `require('node:net').connect(${port}, '127.0.0.1', () => process.exit(42)).on('error', () => {})`;
    const connect = [process.execPath, '--eval', program];
    await expect(
      run('nsenter', [`--target=${pid}`, '--net', 'setpriv', ...own, ...connect]),
    ).rejects.toMatchObject({ code: 42 });
    for (const outcomes of inside) {
      expect(outcomes.steps(`connect ${port}`)).toEqual([0, 'ECONNREFUSED']);
    }
  },
);

it('killing whatever it can and filling the shared memory leaves the sidecar as it was', async () => {
  const before = await cluster.containerProcess(agents.name, 'walled', 'actiongrant');
  for (const container of [STRONGEST, 'agent']) {
    const { stdout } = await cluster.exec(
      agents.name,
      'walled',
      shell(
        'dd if=/dev/zero of=/dev/shm/fill-$(id -u) bs=1M count=256 2>&1; sleep 1000 & kill -9 -1; wait $!; echo "ended by $?"',
      ),
      { container },
    );
    expect(stdout).toContain('No space left on device');
    expect(stdout).toContain('ended by 137');
  }
  expect(await cluster.containerProcess(agents.name, 'walled', 'actiongrant')).toEqual(before);
  const url = `https://${HOST}/after`;
  expect(await get(walled, url)).toBe('403');
  expect(served).toBe(0);
  await grantGet(cluster, agents.name, url);
  expect(await get(walled, url)).toBe('200');
  expect(await get(walled, url)).toBe('403');
  expect(served).toBe(1);
});

describe('admission refuses', () => {
  const container = { name: 'agent', image: 'agent.invalid/agent', command: ['sleep'] };
  const withContext = (securityContext: object) => ({
    containers: [{ ...container, securityContext }],
  });
  const withCapability = (name: string) => withContext({ capabilities: { add: [name] } });
  const create = (spec: object) =>
    cluster.request('POST', `/api/v1/namespaces/${agents.name}/pods?dryRun=All`, {
      metadata: { name: 'refused' },
      spec: { containers: [container], ...spec },
    });

  it.each<[string, string, object]>([
    [
      "B1 the sidecar's user",
      'securityContext.runAsUser must be a user other than root and',
      withContext({ runAsUser: SIDECAR_UID }),
    ],
    [
      "B1 the sidecar's group",
      'securityContext.runAsGroup',
      withContext({ runAsGroup: SIDECAR_UID }),
    ],
    ['B1 root', 'securityContext.runAsUser must be a user', withContext({ runAsUser: 0 })],
    ['B1 NET_ADMIN', 'securityContext.capabilities', withCapability('NET_ADMIN')],
    ['B1 NET_RAW', 'securityContext.capabilities', withCapability('NET_RAW')],
    ['B1 SETUID', 'securityContext.capabilities', withCapability('SETUID')],
    ['B1 SYS_PTRACE', 'securityContext.capabilities', withCapability('SYS_PTRACE')],
    [
      'B1 a privileged container',
      'securityContext.privileged must be false',
      withContext({ privileged: true }),
    ],
    ["B1 the node's network", 'spec.hostNetwork must not be true', { hostNetwork: true }],
    ["B1 the node's processes", 'spec.hostPID must not be true', { hostPID: true }],
    ["B1 the node's shared memory", 'spec.hostIPC must not be true', { hostIPC: true }],
    [
      'B1 a shared process namespace',
      'spec.shareProcessNamespace must not be true',
      { shareProcessNamespace: true },
    ],
    [
      'B13 a host path',
      'spec.volumes[0].hostPath',
      { volumes: [{ name: 'host', hostPath: { path: '/' } }] },
    ],
    [
      "B13 the sidecar's state",
      'volumeMounts[0]',
      {
        containers: [
          { ...container, volumeMounts: [{ name: 'actiongrant-state', mountPath: '/x' }] },
        ],
      },
    ],
    [
      'B16 a token of its own',
      'serviceAccountToken',
      {
        volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
      },
    ],
  ])('%s, because of its %s', async (_name, reason, spec) => {
    expect((await create({})).status).toBe(201);
    const { status, body } = await create(spec);
    expect({ status, body }).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining(reason) },
    });
  });
});
