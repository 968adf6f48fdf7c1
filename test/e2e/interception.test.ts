/** What leaves an injected pod, by whatever name, address, port, protocol or family: granted, or refused for a reason. */

import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import { type AgentPod, startAgentPod } from '../support/node/agent-pod.ts';
import { approve } from '../support/node/approve.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { refusalIn, untilRefusedAsUsed } from '../support/node/refusal-text.ts';
import { ensureInstalled } from '../support/node/release.ts';
import { type Service, startService } from '../support/node/service.ts';
import { onFreeAddress, registerNames } from '../support/node/upstreams.ts';

const HOST = 'shop.interception.example.com';
const V6_HOST = 'six.interception.example.com';
const OTHER = 'other-protocols.interception.example.com';
const ODD_PORT = 8443;
const ACCOUNT = { account: 'lent' };
/** What a client sends first, or nothing where the server speaks first. */
const PROTOCOLS = [
  { name: 'SSH', port: 22, sends: 'SSH-2.0-test\\r\\n' },
  { name: 'PostgreSQL', port: 5432, sends: '\\000\\000\\000\\010\\004\\322\\026\\057' },
  { name: 'Redis', port: 6379, sends: '*1\\r\\n$4\\r\\nPING\\r\\n' },
  { name: 'SMTP', port: 25, sends: '' },
] as const;

const cluster = new NodeCluster(inject('node'));
let namespace: AgentNamespace;
let agent: AgentPod;
let server: AgentPod;
let services: Service[];
const others: Server[] = [];
/** Connections that reached the servers of other protocols. */
let reached = 0;
let forgetOthers: (() => Promise<void>) | undefined;

const SERVE = `require('node:http').createServer((request, response) => response.end('served ' + request.headers.host + '\\n')).listen(8080, '::')`;

beforeAll(async () => {
  await ensureInstalled(cluster);
  namespace = await useAgentNamespace(cluster);
  const inNamespace = (name: string) => ({ name, namespace: namespace.name });
  const service = (name: string, spec: object) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inNamespace(name),
    spec: { selector: { app: 'server' }, ports: [{ port: 8080 }], ...spec },
  });
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace(ACCOUNT.account) },
    service('echo', { ports: [{ port: 80, targetPort: 8080 }] }),
    service('headless', { clusterIP: 'None' }),
  );
  const handle: Parameters<typeof startService>[1]['handle'] = (request, response) => {
    response.end(`served ${request.headers.host}\n`);
  };
  [agent, server, services] = await Promise.all([
    startAgentPod(cluster, { namespace: namespace.name, name: 'agent' }),
    startAgentPod(cluster, {
      namespace: namespace.name,
      name: 'server',
      labels: { app: 'server' },
      command: ['node', '--eval', SERVE],
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
    }),
    startServices(handle),
  ]);
});

/** One after the other: they look for free addresses. */
async function startServices(
  handle: Parameters<typeof startService>[1]['handle'],
): Promise<Service[]> {
  const started = [
    await startService(cluster, { names: [HOST], handle }),
    await startService(cluster, { names: [`odd.${HOST}`], port: ODD_PORT, handle }),
    await startService(cluster, { names: [V6_HOST], family: 'ipv6', handle }),
  ];
  const { address } = await onFreeAddress(async (ipv4) => {
    for (const { port } of PROTOCOLS) {
      const listener = createServer((socket) => {
        reached += 1;
        socket.end('220 hello\r\n');
      });
      listener.listen(port, ipv4);
      await once(listener, 'listening');
      others.push(listener);
    }
  });
  forgetOthers = await registerNames(cluster, [OTHER], [address]);
  return started;
}

afterAll(async () => {
  for (const listener of others) listener.close();
  await forgetOthers?.();
  for (const service of services ?? []) await service.close();
  await namespace?.release();
  await cluster.disconnect();
});

const curl = (...args: string[]) => ['curl', '-sS', '--max-time', '8', ...args];

async function outputOf(command: readonly string[]): Promise<string> {
  const { stdout, stderr } = await agent.run(command);
  return stdout + stderr;
}

/** Refused, granted once, refused. Resolves with the granted output. */
async function usedOnce(command: readonly string[]): Promise<string> {
  const refused = await outputOf(command);
  await approve(cluster, refused, ACCOUNT);
  const granted = await outputOf(command);
  await untilRefusedAsUsed(() => outputOf(command));
  return granted;
}

/** What the cluster's DNS was asked by the agent's pod; its sidecar also asks for the controller. */
function questions(mark: number): string[] {
  const asked = cluster
    .dnsQuestions(mark)
    .filter(
      ({ client, name }) =>
        agent.addresses.includes(client) && !name.startsWith('actiongrant-controller.'),
    )
    .map(({ name }) => name);
  return [...new Set(asked)];
}

// First, while there is little else to tell: an Event has room for some of what was refused meanwhile.
describe('another protocol', () => {
  it('is closed before its server hears of it, and an Event on the pod says what was tried', async () => {
    await Promise.all(
      PROTOCOLS.map(({ port, sends }) =>
        agent.run(['sh', '-c', `(printf '${sends}'; sleep 7) | nc -w 7 ${OTHER} ${port}`]),
      ),
    ).then((results) => expect(results.map(({ stdout }) => stdout).join('')).toBe(''));
    expect(reached).toBe(0);
    await eventually(
      async () => {
        const { stdout } = await cluster.kubectl([
          ...['get', 'events', `--namespace=${namespace.name}`, '-o', 'json'],
          '--field-selector=reason=CallRefused,involvedObject.name=agent',
        ]);
        for (const { name, port } of PROTOCOLS)
          expect(stdout).toContain(`${name} to ${OTHER}:${port}`);
      },
      { withinMilliseconds: 15_000, everyMilliseconds: 250 },
    );
    // Whoever is let through does reach them.
    const address = others[0]?.address();
    if (typeof address !== 'object' || address === null) throw new Error('nothing listens');
    const socket = connect(address.port, address.address);
    await once(socket, 'data');
    socket.destroy();
    expect(reached).toBe(1);
  });
});

describe('a service in the cluster', () => {
  it.each([
    ['its short name', () => 'echo'],
    ['name and namespace', () => `echo.${namespace.name}`],
    ['name.namespace.svc', () => `echo.${namespace.name}.svc`],
    ['its full name', () => `echo.${namespace.name}.svc.cluster.local`],
    ['a headless service', () => `headless.${namespace.name}.svc:8080`],
    ['an address of the pod', () => `${server.addresses.find((a) => !a.includes(':'))}:8080`],
    [
      'the IPv6 address of the pod',
      () => `[${server.addresses.find((a) => a.includes(':'))}]:8080`,
    ],
  ])('by %s', async (_, hostOf) => {
    const host = hostOf();
    expect(await usedOnce(curl(`http://${host}/`))).toBe(`served ${host}\n`);
  });

  it('by the address of the service', async () => {
    const { spec } = await cluster.api<{ metadata: never; spec: { clusterIP: string } }>(
      'GET',
      `/api/v1/namespaces/${namespace.name}/services/echo`,
    );
    expect(await usedOnce(curl(`http://${spec.clusterIP}/`))).toBe(`served ${spec.clusterIP}\n`);
  });
});

describe('a service outside', () => {
  it('at a port other than 443, which a grant for 443 does not cover', async () => {
    const url = `https://odd.${HOST}:${ODD_PORT}/`;
    await approve(cluster, await outputOf(curl(`https://odd.${HOST}/`)), ACCOUNT);
    expect(refusalIn(await outputOf(curl(url))).code).toBe('GrantRequired');
    expect(await usedOnce(curl(url))).toBe(`served odd.${HOST}:${ODD_PORT}\n`);
  });

  it.each(['-4', '-6'])('that has IPv6 alone, by a client that uses %s', async (family) => {
    expect(await usedOnce(curl(family, `https://${V6_HOST}/${family}`))).toBe(
      `served ${V6_HOST}\n`,
    );
  });

  it('through the explicit proxy, by the same grants', async () => {
    const path = `https://${HOST}/proxied`;
    const proxied = ['env', 'HTTPS_PROXY=http://127.0.0.1:15001', ...curl(path)];
    await approve(cluster, await outputOf(curl(path)), ACCOUNT);
    expect(await outputOf(proxied)).toBe(`served ${HOST}\n`);
    await untilRefusedAsUsed(() => outputOf(proxied));
    await untilRefusedAsUsed(() => outputOf(curl(path)));
  });

  it.each([
    [
      'an address in TLS has no name',
      () => [`https://${services[0]?.address}/`],
      'ServerNameMissing',
    ],
    [
      'an address that the client has from elsewhere',
      () => ['--resolve', `${HOST}:443:${services[0]?.address}`, `https://${HOST}/`],
      'AuthorityMismatch',
    ],
    [
      'another Host than the name that was looked up',
      () => ['--http1.1', '-H', `Host: ${V6_HOST}`, `https://${HOST}/`],
      'AuthorityMismatch',
    ],
  ])('is refused where %s', async (_, args, code) => {
    const output = await outputOf(curl('--insecure', ...args()));
    expect(refusalIn(output), output).toMatchObject({ code });
  });
});

describe('DNS', () => {
  it('is answered over UDP and TCP, whatever server is asked, and nobody hears of it', async () => {
    const name = 'secret-data.interception.example.com';
    const mark = cluster.dnsMark();
    const dig = (...args: string[]) => outputOf(['dig', '+time=2', '+tries=1', ...args]);
    const address = await dig('+short', name, 'A');
    expect(address).toMatch(/^198\.1[89]\.\d+\.\d+\n$/);
    expect(await dig('+short', '+tcp', name, 'A')).toBe(address);
    expect(await dig('+short', '@203.0.113.99', name, 'A')).toBe(address);
    expect(await dig('+short', name, 'AAAA')).toMatch(/^fd61:6367:7261:/);
    for (const type of ['TXT', 'MX', 'SRV', 'HTTPS', 'NS', 'CNAME', 'NULL']) {
      const answer = await dig(name, type);
      expect(answer).toMatch(/status: NOERROR/);
      expect(answer).toMatch(/ANSWER: 0/);
    }
    expect(await dig('-x', address.trim(), '+short')).toBe(`${name}.\n`);
    expect(refusalIn(await outputOf(curl(`https://${name}/`))).code).toBe('GrantRequired');
    expect(questions(mark)).toEqual([]);
  });

  it('asks for exactly the granted name, once its grant has matched', async () => {
    const command = curl(`https://${HOST}/asked`);
    const mark = cluster.dnsMark();
    await approve(cluster, await outputOf(command), ACCOUNT);
    expect(questions(mark)).toEqual([]);
    expect(await outputOf(command)).toBe(`served ${HOST}\n`);
    // It logs a question once it has answered it.
    await eventually(() => expect(questions(mark)).toEqual([HOST]));
  });
});
