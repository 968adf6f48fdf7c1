import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  INJECTED_PARTS,
  injectionFault,
  requiredInjectionFault,
} from '../../../../controller/injection/verify.ts';
import type { Container, Pod, PodSpec } from '../../../../controller/pods/pod.ts';
import { AGENT_DIRECTORY } from '../../../../core/api/pod-layout.ts';
import { aContainer, aPod, injected } from '../../../support/pods.ts';

/** An agent pod with something of everything, for a test to spoil. */
function whole(): Pod & { spec: PodSpec } {
  const pod = injected(
    aPod({
      initContainers: [aContainer({ name: 'migrate' })],
      containers: [aContainer({ ports: [{ containerPort: 8080, protocol: 'TCP' }] })],
      volumes: [{ name: 'scratch', emptyDir: {} }],
    }),
  );
  return structuredClone({ ...pod, spec: pod.spec ?? {} });
}

type Path = readonly (string | number)[];

/** Every place in a JSON value that holds no object or list. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, member]) =>
    leavesOf(member, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

function holderOf(root: unknown, path: Path): { holder: Record<string, unknown>; key: string } {
  let holder = root as Record<string, unknown>;
  for (const key of path.slice(0, -1)) holder = holder[key] as Record<string, unknown>;
  return { holder, key: String(path.at(-1)) };
}

function spoiled(value: unknown): unknown {
  if (typeof value === 'boolean') return !value;
  return typeof value === 'number' ? value + 1 : `${String(value)}x`;
}

test('what was injected has no fault', () => {
  expect(injectionFault(whole())).toBeUndefined();
});

test.each(globSync('injected-by-*.yaml', { cwd: join(import.meta.dirname, 'fixtures') }))(
  'what an earlier release injected has no fault: %s',
  (file) => {
    const pod = parse(readFileSync(join(import.meta.dirname, 'fixtures', file), 'utf8'));
    expect(injectionFault(pod)).toBeUndefined();
  },
);

test('what was never injected has', () => {
  expect(injectionFault(aPod())).toMatch(/initContainers\[0\] is not actiongrant-init/);
  expect(injectionFault({})).toMatch(/initContainers\[0\]/);
});

describe('a pod that was never injected', () => {
  const selector = { matchLabels: { team: 'soc' } };
  test.each([
    ['where its namespace is selected', { team: 'soc' }, true],
    ['where it is not', { team: 'shop' }, false],
    ['where its namespace has no labels', {}, false],
    ['where its namespace is not known', undefined, true],
  ])('%s', (_where, labels, isFault) => {
    const fault = (pod: Pod) => requiredInjectionFault(injectionFault(pod), labels, selector);
    expect(fault(aPod()) !== undefined).toBe(isFault);
    expect(fault(whole())).toBeUndefined();
  });
});

describe('a part of what is injected', () => {
  const MISSING: readonly [fault: string, change: (spec: PodSpec) => unknown][] = [
    [
      'spec.initContainers[0] is not actiongrant-init as it is injected',
      (spec) => spec.initContainers?.shift(),
    ],
    [
      'spec.initContainers[0] is not actiongrant-init as it is injected',
      (spec) => {
        for (const container of spec.containers ?? []) delete container.ports;
      },
    ],
    [
      'spec.initContainers[1] is not actiongrant as it is injected',
      (spec) => spec.initContainers?.splice(1, 1),
    ],
    ...['token', 'settings', 'state', 'agent'].map(
      (volume): [string, (spec: PodSpec) => unknown] => [
        `spec.volumes has no actiongrant-${volume} as it is injected`,
        (spec) => {
          spec.volumes = spec.volumes?.filter(({ name }) => name !== `actiongrant-${volume}`) ?? [];
        },
      ],
    ),
    [
      'spec.automountServiceAccountToken is not false',
      (spec) => delete spec.automountServiceAccountToken,
    ],
  ];

  test.for(MISSING)('is missing: %s', ([fault, change]) => {
    const pod = whole();
    change(pod.spec);
    expect(injectionFault(pod)).toBe(fault);
  });

  test('is each that a rule is about', () => {
    const unbroken = INJECTED_PARTS.filter((rule) =>
      MISSING.every(([, change]) => {
        const { spec } = whole();
        change(spec);
        return rule.broken(spec).length === 0;
      }),
    );
    expect(unbroken).toEqual([]);
  });

  test('is told before what is wrong with the rest', () => {
    const pod = whole();
    pod.spec.hostNetwork = true;
    expect(injectionFault(pod)).toMatch(/^spec\.hostNetwork must not be true: /);
    delete pod.spec.automountServiceAccountToken;
    expect(injectionFault(pod)).toBe('spec.automountServiceAccountToken is not false');
  });
});

describe('every single value of what is injected is needed', () => {
  const FREE = /^(image|imagePullPolicy|resources)$/;
  const places: Path[] = [0, 1].flatMap((index) =>
    leavesOf(whole().spec.initContainers?.[index])
      .filter(([member]) => !FREE.test(String(member)))
      .map((path) => ['spec', 'initContainers', index, ...path]),
  );
  const volumes: Path[] = (whole().spec.volumes ?? []).flatMap((volume, index) =>
    volume.name.startsWith('actiongrant-')
      ? leavesOf(volume).map((path) => ['spec', 'volumes', index, ...path])
      : [],
  );
  const all = [...places, ...volumes, ['spec', 'automountServiceAccountToken']];

  test.each(all.map((path) => [path.join('.'), path] as const))('%s', (_name, path) => {
    const changed = whole();
    const at = holderOf(changed, path);
    at.holder[at.key] = spoiled(at.holder[at.key]);
    expect(injectionFault(changed)).toBeDefined();

    const removed = whole();
    const place = holderOf(removed, path);
    delete place.holder[place.key];
    expect(injectionFault(removed)).toBeDefined();
  });
});

describe('one change', () => {
  const sidecar = (pod: { spec: PodSpec }): Container => at(pod.spec.initContainers, 1);
  const agent = (pod: { spec: PodSpec }): Container => at(pod.spec.containers, 0);
  const agentContext = (pod: { spec: PodSpec }, fields: object): void => {
    agent(pod).securityContext = { ...agent(pod).securityContext, ...fields };
  };

  test.for<[what: string, change: (pod: { spec: PodSpec }) => void]>([
    [
      'the two in the other order',
      ({ spec }) =>
        spec.initContainers?.splice(0, 2, at(spec.initContainers, 1), at(spec.initContainers, 0)),
    ],
    ['one before them', ({ spec }) => spec.initContainers?.unshift(at(spec.initContainers, 2))],
    [
      'one between them',
      ({ spec }) => spec.initContainers?.splice(1, 0, at(spec.initContainers, 2)),
    ],
    ['no net-init', ({ spec }) => spec.initContainers?.shift()],
    ['no sidecar', ({ spec }) => spec.initContainers?.splice(1, 1)],
    ['two sidecars', ({ spec }) => spec.initContainers?.push(at(spec.initContainers, 1))],
    [
      'a second injected name among the containers',
      ({ spec }) => spec.containers?.push(at(spec.initContainers, 1)),
    ],
    [
      'a device',
      (pod) => Object.assign(sidecar(pod), { resources: { claims: [{ name: 'disk' }] } }),
    ],
    ['a command', (pod) => Object.assign(sidecar(pod), { command: ['sh'] })],
    [
      'another variable',
      (pod) => sidecar(pod).env?.push({ name: 'NODE_OPTIONS', value: '--require=/x' }),
    ],
    [
      'variables from elsewhere',
      (pod) => Object.assign(sidecar(pod), { envFrom: [{ configMapRef: { name: 'x' } }] }),
    ],
    [
      'another mount',
      (pod) => sidecar(pod).volumeMounts?.push({ name: 'scratch', mountPath: '/app/dist' }),
    ],
    [
      'a hook',
      (pod) =>
        Object.assign(sidecar(pod), { lifecycle: { preStop: { exec: { command: ['sh'] } } } }),
    ],
    ['a terminal', (pod) => Object.assign(sidecar(pod), { stdin: true, tty: true })],
    [
      'a member that nobody knew when this was written',
      (pod) => Object.assign(sidecar(pod), { future: true }),
    ],
    [
      'a port that is declared after net-init was told',
      (pod) => agent(pod).ports?.push({ containerPort: 9 }),
    ],
    [
      'another volume with the token',
      ({ spec }) =>
        spec.volumes?.push({ name: 'x', projected: { sources: [{ serviceAccountToken: {} }] } }),
    ],
    ['an injected volume twice', ({ spec }) => spec.volumes?.push(at(spec.volumes, 1))],
    [
      'a volume of the node',
      ({ spec }) => spec.volumes?.push(Object.assign({ name: 'x' }, { hostPath: { path: '/' } })),
    ],
    [
      'the token in the agent',
      (pod) => agent(pod).volumeMounts?.push({ name: 'actiongrant-token', mountPath: '/t' }),
    ],
    [
      'the state in the agent',
      (pod) => agent(pod).volumeMounts?.push({ name: 'actiongrant-state', mountPath: '/s' }),
    ],
    ['no agent volume', (pod) => agent(pod).volumeMounts?.pop()],
    [
      'the agent volume twice',
      (pod) =>
        agent(pod).volumeMounts?.push({
          name: 'actiongrant-agent',
          mountPath: '/a',
          readOnly: true,
        }),
    ],
    [
      'the agent volume writable',
      (pod) => Object.assign(at(agent(pod).volumeMounts, 0), { readOnly: false }),
    ],
    [
      'a part of the agent volume',
      (pod) => Object.assign(at(agent(pod).volumeMounts, 0), { subPath: 'x' }),
    ],
    [
      'something over the agent volume',
      (pod) =>
        agent(pod).volumeMounts?.push({ name: 'scratch', mountPath: `${AGENT_DIRECTORY}/token` }),
    ],
    ['the node network', ({ spec }) => Object.assign(spec, { hostNetwork: true })],
    ['the node processes', ({ spec }) => Object.assign(spec, { hostPID: true })],
    ['the node IPC', ({ spec }) => Object.assign(spec, { hostIPC: true })],
    ['shared processes', ({ spec }) => Object.assign(spec, { shareProcessNamespace: true })],
    [
      'sysctls',
      ({ spec }) =>
        Object.assign(spec, { securityContext: { sysctls: [{ name: 'net.ipv4.ip_forward' }] } }),
    ],
    [
      "the sidecar's group",
      ({ spec }) => Object.assign(spec, { securityContext: { fsGroup: 64464 } }),
    ],
    ['privileged', (pod) => agentContext(pod, { privileged: true })],
    ['escalation', (pod) => agentContext(pod, { allowPrivilegeEscalation: undefined })],
    [
      'a capability',
      (pod) => agentContext(pod, { capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }),
    ],
    ['capabilities kept', (pod) => agentContext(pod, { capabilities: { drop: ['NET_RAW'] } })],
    ['root', (pod) => agentContext(pod, { runAsUser: 0 })],
    ["the sidecar's user", (pod) => agentContext(pod, { runAsUser: 64464 })],
    ['the user of the image', (pod) => agentContext(pod, { runAsUser: undefined })],
    ['perhaps root', (pod) => agentContext(pod, { runAsNonRoot: undefined })],
    ['no seccomp profile', (pod) => agentContext(pod, { seccompProfile: undefined })],
    ['seccomp unconfined', (pod) => agentContext(pod, { seccompProfile: { type: 'Unconfined' } })],
    [
      'a bare ephemeral container',
      ({ spec }) =>
        Object.assign(spec, { ephemeralContainers: [aContainer({ name: 'debugger' })] }),
    ],
    [
      'an ephemeral container in the sidecar',
      ({ spec }) =>
        Object.assign(spec, {
          ephemeralContainers: [
            { ...at(spec.containers, 0), name: 'debugger', targetContainerName: 'actiongrant' },
          ],
        }),
    ],
  ])('%s', ([, change]) => {
    const pod = whole();
    change(pod);
    expect(injectionFault(pod)).toBeDefined();
  });

  test.for<[what: string, change: (pod: { spec: PodSpec }) => void]>([
    [
      'another image of the sidecar, which admission pins',
      (pod) => Object.assign(sidecar(pod), { image: 'next' }),
    ],
    [
      'resources, which may be resized',
      (pod) => Object.assign(sidecar(pod), { resources: {}, resizePolicy: [] }),
    ],
    [
      'another image of the agent',
      (pod) => Object.assign(agent(pod), { image: 'agent.invalid/next' }),
    ],
    [
      'other variables of the agent: its clients may trust what they like',
      (pod) => Object.assign(agent(pod), { env: [] }),
    ],
    [
      'DNS options: every name has a synthetic address anyway',
      ({ spec }) => Object.assign(spec, { dnsConfig: {} }),
    ],
    ['the node it is scheduled to', ({ spec }) => Object.assign(spec, { nodeName: 'node-1' })],
  ])('that is none of our business: %s', ([, change]) => {
    const pod = whole();
    change(pod);
    expect(injectionFault(pod)).toBeUndefined();
  });
});

function at<T>(list: readonly T[] | undefined, index: number): T {
  const item = list?.[index];
  if (item === undefined) throw new Error(`nothing at ${index}`);
  return item;
}
