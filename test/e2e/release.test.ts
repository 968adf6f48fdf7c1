/**
 * The chart's life with the real helm: from the previous landing to this one, back, away and here again, while agents go on
 * calling. The tests follow one another. The shared release is uninstalled first and installed again at the end.
 */

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { PREVIOUS_IMAGE } from '../../scripts/images/images.ts';
import { previousRelease } from '../../scripts/images/previous.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { createUsableGrant, grantsPath, untilPhase } from '../support/grants.ts';
import { untilTwoReplicas } from '../support/node/controller-replicas.ts';
import { startTraffic, type TrafficReport } from '../support/node/granted-traffic.ts';
import { HAND_WRITTEN_ACCOUNT, startHandWrittenAgent } from '../support/node/hand-written-agent.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import {
  CHART,
  ensureInstalled,
  helmOnNode,
  RELEASE,
  RELEASE_NAMESPACE,
  releaseValues,
  upgrade,
} from '../support/node/release.ts';
import { type ResidentAgent, startResidentAgent } from '../support/node/resident-agent.ts';
import { type NodeUpstream, startNodeUpstream } from '../support/node/upstreams.ts';

const HOST = 'release.example.com';
/** Its own, so that the other agent namespaces of the cluster are none of these releases'. */
const LABEL = 'release-test';
const LENT = 'lent';
/** A call is never kept waiting longer, whatever the replicas do. */
const SLOWEST_MILLISECONDS = 10_000;
/** Of each agent between two calls: up to three of them make calls at the same time. */
const PAUSE_MILLISECONDS = 200;
/** While the replicas were replaced, and not only before and after. */
const FEWEST_CALLS = 30;
/** New webhooks have their CA, and are reached. */
const ADMITTED = { withinMilliseconds: 30_000, everyMilliseconds: 250 };
/** Longer than the API server remembers a token. */
const REVOKED = { withinMilliseconds: 30_000, everyMilliseconds: 250 };
const CRD = 'actiongrants.actiongrant.dev';
const PREVIOUS = previousRelease();

const cluster = new NodeCluster(inject('node'));
let upstream: NodeUpstream;
/** Ends the calls of {@link hold}. */
let letGo: () => void = () => {};
const held = new Promise<void>((resolve) => {
  letGo = resolve;
});
/** Namespaces of agents with a sidecar written by hand, and of injected ones. */
let byHand: string;
let injected: string;
let newcomer: ResidentAgent;
/** Whether the shared release is there again. */
let restored = false;

beforeAll(async () => {
  await ensureInstalled(cluster);
  byHand = await cluster.createNamespace('by-hand');
  injected = await cluster.createNamespace('injected', { 'actiongrant.dev/inject': LABEL });
  await cluster.apply(
    ...[byHand, injected].map((namespace) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: LENT, namespace },
    })),
  );
  upstream = await startNodeUpstream(cluster, {
    names: [HOST],
    async answer({ path }) {
      if (path === '/held') await held;
      return { status: 200, body: '{"done":true}' };
    },
  });
});

afterAll(async () => {
  letGo();
  await upstream?.close();
  // Half uninstalled, it could not be installed either.
  if (!restored) await helm('uninstall', RELEASE, '--no-hooks', '--ignore-not-found');
  for (const name of [byHand, injected]) {
    await cluster.request('DELETE', `/api/v1/namespaces/${name}`);
  }
  await cluster.disconnect();
});

const helm = (...args: readonly string[]) => helmOnNode(cluster, args);
const injection = { namespaceSelector: { matchLabels: { 'actiongrant.dev/inject': LABEL } } };

/** All values of a release, with these of the controller. */
function install(changes: object = {}): Promise<void> {
  const { controller, ...shared } = releaseValues(cluster, [byHand, injected]);
  return upgrade(cluster, { ...shared, controller: { ...controller, ...changes }, injection });
}

/** As docs/how-to/install.md says: only what is new is said. */
async function upgradeAsDocumented(changes: object = {}): Promise<void> {
  const controller = { image: cluster.productImage, ...changes };
  const { sidecar } = releaseValues(cluster);
  const flags = ['--reset-then-reuse-values', '--wait', '--values=-'];
  const args = ['upgrade', RELEASE, CHART, ...flags];
  await helmOnNode(cluster, args, { controller, sidecar, injection });
}

async function kubectl(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args, { timeoutMilliseconds: 120_000 });
  if (code !== 0) throw new Error(`kubectl ${args[0]}: ${stderr}`);
  return stdout;
}

/** Runs a line of kubectl or helm as something printed it. */
function asPrinted(line: string): Promise<string> {
  const [program, ...args] = line.trim().split(/\s+/);
  return program === 'helm' ? helm(...args) : kubectl(...args);
}

/** The line of a text with these words. @throws Error with the text if there is none */
function lineWith(text: string, words: string): string {
  const line = text.split('\n').find((candidate) => candidate.includes(words));
  if (line === undefined) throw new Error(`no line with ${words}:\n${text}`);
  return line;
}

/** Lets an agent make granted calls before, during and after something: none may be refused. */
async function whileCalling(
  agent: ResidentAgent,
  change: () => Promise<unknown>,
): Promise<TrafficReport> {
  const path = `/${agent.name}/${randomUUID()}/`;
  const traffic = startTraffic({
    cluster,
    agent,
    agentAccount: agent.namespace === byHand ? HAND_WRITTEN_ACCOUNT : 'default',
    lentAccount: LENT,
    url: `https://${HOST}${path}`,
    pauseMilliseconds: PAUSE_MILLISECONDS,
  });
  let report: TrafficReport;
  try {
    await traffic.more(5);
    await change();
    await traffic.more(10);
  } finally {
    report = await traffic.end();
  }
  expect(report.failures).toEqual([]);
  expect(report.slowest).toBeLessThan(SLOWEST_MILLISECONDS);
  expect(report.calls).toBeGreaterThan(FEWEST_CALLS);
  const made = upstream.effects.filter((effect) => effect.path.startsWith(path));
  expect(made).toHaveLength(report.calls);
  return report;
}

/** What the chart has made. The controller's CA, Lease and sidecars' settings stay, and block nothing. */
async function leftovers(): Promise<string[]> {
  const kinds = [
    'deployments,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings',
    'jobs,poddisruptionbudgets,networkpolicies',
    'mutatingwebhookconfigurations,validatingwebhookconfigurations',
    'validatingadmissionpolicies,validatingadmissionpolicybindings',
  ];
  const text = await kubectl('get', kinds.join(','), '--all-namespaces', '--output=name');
  return text.split('\n').filter((name) => name.includes('actiongrant'));
}

async function grantsOf(namespace: string): Promise<ActionGrant[]> {
  const path = grantsPath(namespace);
  return (await cluster.api<KubeObject & { items: ActionGrant[] }>('GET', path)).items;
}

/** The grants of a namespace, each with its phase and its finalizers. */
async function records(namespace: string): Promise<string[]> {
  return (await grantsOf(namespace))
    .map(({ metadata, status }) => {
      const { name, finalizers = [] } = metadata as { name: string; finalizers?: string[] };
      return `${name} ${status?.phase} ${finalizers}`;
    })
    .sort();
}

describe('uninstalling', () => {
  it('names the namespaces that are still labelled, and the way out, and leaves everything as it is', async () => {
    const before = await leftovers();
    const refusal = await helm('uninstall', RELEASE).then(
      () => '',
      // helm prints what the job said as one field of its own log.
      (error: Error) => error.message.replaceAll('\\n', '\n'),
    );
    expect(refusal).toContain("agents' pods are still injected in agents-1, ");
    expect(refusal).toMatch(/^ {2}kubectl label namespace agents-1 .* actiongrant.dev\/inject-$/m);
    expect(await leftovers()).toEqual(expect.arrayContaining(before));
    await asPrinted(lineWith(refusal, '/force-uninstall=true'));
  });

  it('by force and without live grants leaves nothing behind', async () => {
    expect(await helm('uninstall', RELEASE)).toContain('release "actiongrant" uninstalled');
    expect(await leftovers()).toEqual([]);
  });
});

describe.skipIf(PREVIOUS === undefined)('agents of the previous landing', () => {
  let proxied: ResidentAgent;
  let veteran: ResidentAgent;

  beforeAll(async () => {
    // As if this landing had never been here.
    await kubectl('delete', 'crd', CRD);
    const { rbac, sidecar } = releaseValues(cluster, [byHand, injected]);
    const controller = { image: PREVIOUS_IMAGE, imagePullPolicy: 'Never' };
    await helmOnNode(
      cluster,
      ['install', RELEASE, join(`${PREVIOUS}`, 'charts/actiongrant'), '--wait', '--values=-'],
      { controller, rbac, sidecar, injection },
    );
    [proxied, veteran] = await Promise.all([
      startHandWrittenAgent(cluster, byHand, `${PREVIOUS}`, PREVIOUS_IMAGE),
      eventually(() => startResidentAgent(cluster, injected, 'veteran'), ADMITTED),
    ]);
  });

  it('come to this one, go back with one of this, and come here again, without a refused call of any', {
    timeout: 300_000,
  }, async () => {
    expect(await sidecarImages(veteran)).toEqual([PREVIOUS_IMAGE, PREVIOUS_IMAGE]);
    // Replicas of that landing end in the midst of the API server's requests: a grant may have to be created once more.
    await whileCalling(proxied, () => whileCalling(veteran, comeAndGo));
    const spec = await eventually(() => newPod('confined'), ADMITTED);
    expect(imagesOf(spec)).toEqual([cluster.productImage, cluster.productImage]);
    // Pods keep the sidecar that they were created with.
    expect(await sidecarImages(veteran)).toEqual([PREVIOUS_IMAGE, PREVIOUS_IMAGE]);
  });

  async function comeAndGo(): Promise<void> {
    await upgradeAsDocumented();
    await helm('test', RELEASE);
    expect(await deployment()).toMatchObject({
      image: cluster.productImage,
      // Not said again.
      imagePullPolicy: 'Never',
      agentNamespaces: `${byHand},${injected}`,
    });
    newcomer = await startResidentAgent(cluster, injected, 'newcomer');
    expect(await sidecarImages(newcomer)).toEqual([cluster.productImage, cluster.productImage]);
    await whileCalling(newcomer, async () => {
      await helm('rollback', RELEASE, '1', '--wait');
      expect(await deployment()).toMatchObject({ image: PREVIOUS_IMAGE });
      const spec = await eventually(() => newPod('gone-back'), ADMITTED);
      expect(imagesOf(spec)).toEqual([PREVIOUS_IMAGE, PREVIOUS_IMAGE]);
      await upgradeAsDocumented({ logLevel: 'debug' });
      expect(await deployment()).toMatchObject({ image: cluster.productImage, logLevel: 'debug' });
    });
  }
});

describe('a release', () => {
  beforeAll(async () => {
    if (PREVIOUS !== undefined) return;
    await install();
    await install({ logLevel: 'debug' });
    newcomer = await startResidentAgent(cluster, injected, 'newcomer');
  });

  it.each([
    ['/controller/replicas', { replicas: 'two' }],
    ['/controller/imagePullPolicy', { imagePullPolicy: 'Sometimes' }],
    ["'replica'", { replica: 2 }],
  ])('is not changed by values that are wrong: %s', async (field, changes) => {
    const before = [await revisions(), await deployment()];
    await expect(install(changes)).rejects.toThrow(field);
    expect([await revisions(), await deployment()]).toEqual(before);
  });

  it('is rolled back without a refused call or a grant that could not be created', async () => {
    const { ungranted } = await whileCalling(newcomer, async () => {
      await helm('rollback', RELEASE, PREVIOUS === undefined ? '1' : '2', '--wait');
      expect(await deployment()).toMatchObject({ logLevel: 'info' });
    });
    expect(ungranted).toEqual([]);
  });

  it('has nothing left that is stuck, whichever landing began it', async () => {
    const [last, ...earlier] = (await revisions()).reverse();
    expect(last).toMatch(/ deployed$/);
    expect(earlier.filter((line) => !line.endsWith(' superseded'))).toEqual([]);
    await untilTwoReplicas(cluster);
    await eventually(async () => {
      for (const namespace of [byHand, injected]) {
        const open = (await grantsOf(namespace)).filter((grant) => !isAtRest(grant));
        expect(open).toEqual([]);
      }
    }, REVOKED);
  });
});

/** Unused, or used with a credential that is known to be dead. */
function isAtRest({ status }: ActionGrant): boolean {
  if (status?.phase !== 'Finished') return status?.phase === 'Approved';
  const revoked = status.conditions?.find(({ type }) => type === 'CredentialRevoked');
  return revoked?.status === 'True';
}

interface Deployment {
  readonly generation: number;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly logLevel: string | undefined;
  readonly agentNamespaces: string | undefined;
}

/** What the controller's Deployment asks for. */
async function deployment(): Promise<Deployment> {
  const path = `/apis/apps/v1/namespaces/${RELEASE_NAMESPACE}/deployments/actiongrant-controller`;
  const { metadata, spec } = await cluster.api<
    KubeObject & {
      metadata: { generation: number };
      spec: {
        template: {
          spec: {
            containers: [
              { image: string; imagePullPolicy: string; env: { name: string; value?: string }[] },
            ];
          };
        };
      };
    }
  >('GET', path);
  const [{ image, imagePullPolicy, env }] = spec.template.spec.containers;
  const setting = (name: string) => env.find((one) => one.name === `ACTIONGRANT_${name}`)?.value;
  return {
    generation: metadata.generation,
    image,
    imagePullPolicy,
    logLevel: setting('LOG_LEVEL'),
    agentNamespaces: setting('AGENT_NAMESPACES'),
  };
}

/** Helm's revisions of the release, oldest first, each with what became of it. */
async function revisions(): Promise<string[]> {
  const labels = (
    await kubectl(
      ...['get', 'secrets', `--namespace=${RELEASE_NAMESPACE}`, '--selector=owner=helm'],
      '--output=jsonpath={range .items[*]}{.metadata.labels.version} {.metadata.labels.status}{"\\n"}{end}',
    )
  ).trim();
  return labels.split('\n').sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

interface PodSpec {
  readonly initContainers?: readonly { readonly image: string }[];
}

/** Starts a pod among agents, whose image nobody has, as somebody does who knows of nothing. */
async function newPod(name: string): Promise<PodSpec> {
  await kubectl('run', name, '--image=none', `--namespace=${injected}`);
  return specOf(injected, name);
}

async function specOf(namespace: string, name: string): Promise<PodSpec> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  return (await cluster.api<KubeObject & { spec: PodSpec }>('GET', path)).spec;
}

/** Of net-init and the sidecar that an agent's pod was given. */
async function sidecarImages({ namespace, name }: ResidentAgent): Promise<string[]> {
  return imagesOf(await specOf(namespace, name));
}

function imagesOf({ initContainers = [] }: PodSpec): string[] {
  return initContainers.map(({ image }) => image);
}

describe('uninstalling with live grants', () => {
  let ended: string[];

  it('revokes them, keeps the records that have ended, and leaves nothing that blocks', async () => {
    const approved = await grant('/never');
    const inUse = await grant('/held');
    const call = newcomer.call({ method: 'POST', url: `https://${HOST}/held` });
    const { token } = await upstream.effect('POST /held');
    await untilPhase(cluster, inUse, 'InUse');
    const secrets = await boundSecrets();
    expect(secrets.length).toBeGreaterThanOrEqual(2);
    expect(await authenticated(token)).toBe(true);

    await kubectl('label', 'namespace', injected, 'actiongrant.dev/inject-');
    expect(await helm('uninstall', RELEASE)).toContain('release "actiongrant" uninstalled');

    expect(await boundSecrets()).toEqual([]);
    await eventually(async () => expect(await authenticated(token)).toBe(false), {
      withinMilliseconds: 15_000,
      everyMilliseconds: 100,
    });
    letGo();
    await call;
    expect(await leftovers()).toEqual([]);
    const kept = await records(injected);
    const names = [approved, inUse].map(({ metadata }) => metadata.name);
    expect(kept.filter((line) => names.some((name) => line.startsWith(name)))).toEqual([]);
    ended = kept.filter((line) => line.includes(' Finished '));
    expect(ended.length).toBeGreaterThan(FEWEST_CALLS);
    // No finalizer, and no live phase.
    expect(kept.filter((line) => !/ (Finished|Expired|Denied|Revoked) $/.test(line))).toEqual([]);
  });

  async function grant(path: string): Promise<ActionGrant> {
    return createUsableGrant(cluster, injected, {
      spec: {
        agent: { serviceAccountName: 'default' },
        action: { type: 'HTTP', http: { method: 'POST', url: `https://${HOST}${path}` } },
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: { serviceAccountName: LENT, audience: `https://${HOST}` },
        },
        timeoutSeconds: 300,
      },
    });
  }

  async function boundSecrets(): Promise<string[]> {
    const { items } = await cluster.api<KubeObject & { items: KubeObject[] }>(
      'GET',
      `/api/v1/secrets?fieldSelector=type%3Dactiongrant.dev/bound`,
    );
    return items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  }

  async function authenticated(token: string | undefined): Promise<boolean> {
    const { status } = await cluster.api<KubeObject & { status: { authenticated?: boolean } }>(
      'POST',
      '/apis/authentication.k8s.io/v1/tokenreviews',
      { spec: { token, audiences: [`https://${HOST}`] } },
    );
    return status.authenticated === true;
  }

  it('lets ordinary pods start where agents were', async () => {
    expect(await newPod('ordinary')).not.toHaveProperty('initContainers');
  });

  it('is followed by an installation that tells what to do next, passes its test and finds the records', async () => {
    // Records in it and no controller: nothing holds a namespace back.
    const deletion = kubectl('delete', 'namespace', byHand, '--timeout=60s');
    const flags = ['--create-namespace', '--wait', '--values=-'];
    const notes = await helmOnNode(
      cluster,
      ['install', RELEASE, CHART, ...flags],
      releaseValues(cluster),
    );
    restored = true;
    expect(notes).toContain('kubectl label namespace agents-1 actiongrant.dev/inject=enabled');
    expect(notes).toContain('Agents and grants may be in these namespaces: agents-1, agents-2, ');
    await asPrinted(lineWith(notes, 'rollout status'));
    await asPrinted(lineWith(notes, '-n agents-1 get actiongrants'));
    expect(await asPrinted(lineWith(notes, 'helm test').trim())).toContain('Succeeded');
    await deletion;
    expect(await records(injected)).toEqual(expect.arrayContaining(ended));
  });
});
