/** What one agent can take from others, and from itself for longer than it keeps at it: nothing (P17). */

import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import type { KubeObject } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import type { AgentPod } from '../support/node/agent-pod.ts';
import { type FloodCounts, startFlood } from '../support/node/flood.ts';
import { get, grantGet } from '../support/node/granted-call.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { ensureInstalled } from '../support/node/release.ts';
import { type Service, startService } from '../support/node/service.ts';
import { startPod } from '../support/node/walled-pods.ts';

/** floods.py has it, too. */
const HOST = 'starvation.walking.example.com';
/** The chart's limit of the sidecar's memory. */
const LIMIT_KIB = 256 * 1024;
/** The sidecar may still be busy with what came before. */
const SOON = { withinMilliseconds: 20_000, everyMilliseconds: 200 };
/** controller.ts: how many Events tell of one pod, from each of two replicas. */
const mostEvents = (seconds: number) => 2 * (5 + Math.ceil(0.1 * seconds));

/** What shows that a flood was one. */
interface Evidence {
  /** When it held, before the other pod's call. */
  readonly held: FloodCounts;
  /** When it was ended, after that. */
  readonly ended: FloodCounts;
  /** By how much a metric of the sidecar grew. */
  grown(series: string): number;
}

interface FloodTest {
  /** The sidecar has more open files than so many while it holds. */
  readonly descriptors?: number;
  check?(evidence: Evidence): void;
}

/** The sidecar takes 512 connections at most. */
const CONNECTIONS = 400;
/** It did so before the other pod's call, and between that and its end. */
const wentOn = ({ held, ended }: Evidence, name: string) => {
  expect(held[name]).toBeGreaterThan(0);
  expect(ended[name]).toBeGreaterThan(held[name] ?? Number.NaN);
};
const FLOODS: Readonly<Record<string, FloodTest>> = {
  connections: {
    descriptors: CONNECTIONS,
    check: ({ held }) => expect(held['opened']).toBeGreaterThan(2 * CONNECTIONS),
  },
  slow_heads: { descriptors: CONNECTIONS },
  giant_heads: { check: ({ held }) => expect(held['431']).toBeGreaterThan(100) },
  // More than fit into what it keeps of bodies.
  bodies: { descriptors: 64, check: ({ held }) => expect(held['429']).toBeGreaterThan(30) },
  questions: {
    check(evidence) {
      wentOn(evidence, 'asked');
      expect(evidence.grown('dns_questions_total')).toBeGreaterThan(100);
    },
  },
  ports: { check: ({ held }) => expect(held['bound']).toBeGreaterThan(15_000) },
  refusals: {
    check(evidence) {
      wentOn(evidence, 'called');
      expect(evidence.grown('refusals_total{code="TargetRefused"}')).toBeGreaterThan(50);
    },
  },
  processors: {
    check({ held, ended }) {
      expect(held['burning']).toBeGreaterThan(1);
      expect(ended['burned']).toBe(held['burning']);
    },
  },
  http2: {
    check(evidence) {
      for (const kind of ['rapid_resets', 'continuations', 'pings', 'settings']) {
        expect(evidence.held[kind], kind).toBeGreaterThanOrEqual(100);
      }
      wentOn(evidence, 'frames');
    },
  },
};

const cluster = new NodeCluster(inject('node'));
let agents: AgentNamespace;
let service: Service;
let noisy: AgentPod;
let calm: AgentPod;
let served: string[] = [];

beforeAll(async () => {
  await ensureInstalled(cluster);
  agents = await useAgentNamespace(cluster);
  [noisy, calm, service] = await Promise.all([
    startPod(cluster, agents.name, 'noisy'),
    startPod(cluster, agents.name, 'calm'),
    startService(cluster, {
      names: [HOST],
      handle({ url = '' }, response) {
        served.push(url);
        response.end('done');
      },
    }),
  ]);
}, 120_000);

afterAll(async () => {
  await service?.close();
  await agents?.release();
  await cluster.disconnect();
});

it.each(Object.entries(FLOODS))(
  'a flood of %s ends no sidecar, and holds up no other pod',
  async (flood, { descriptors = 0, check }) => {
    const urls = { calm: `https://${HOST}/calm/${flood}`, noisy: `https://${HOST}/noisy/${flood}` };
    const before = await cluster.containerProcess(agents.name, 'noisy', 'actiongrant');
    const metricsBefore = await metrics();
    served = [];
    await Promise.all([
      grantGet(cluster, agents.name, urls.calm),
      grantGet(cluster, agents.name, urls.noisy),
    ]);

    const { held, end } = await startFlood(cluster, noisy, flood);
    await eventually(() => {
      expect(readdirSync(`/proc/${before.pid}/fd`).length).toBeGreaterThan(descriptors);
    });
    expect(await get(calm, urls.calm), 'while it holds').toBe('200');
    const ended = await end();

    await eventually(async () => expect(await get(noisy, urls.noisy)).toBe('200'), SOON);
    const metricsAfter = await metrics();
    const grown = (series: string) => total(metricsAfter, series) - total(metricsBefore, series);
    try {
      check?.({ held, ended, grown });
    } catch (cause) {
      throw new Error(`${flood}: ${JSON.stringify({ held, ended })}`, { cause });
    }
    expect(served).toEqual([`/calm/${flood}`, `/noisy/${flood}`]);
    expect(await cluster.containerProcess(agents.name, 'noisy', 'actiongrant')).toEqual(before);
    const status = readFileSync(`/proc/${before.pid}/status`, 'utf8');
    expect(Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1])).toBeLessThan(LIMIT_KIB);
  },
);

it('of all that was refused, a few Events tell, and no line of the log is long', async () => {
  expect(total(await metrics(), 'refusals_total')).toBeGreaterThan(50);
  const { metadata } = await cluster.api<KubeObject & { metadata: { creationTimestamp: string } }>(
    'GET',
    `/api/v1/namespaces/${agents.name}/pods/noisy`,
  );
  const selector = encodeURIComponent(`reason=CallRefused,involvedObject.uid=${metadata.uid}`);
  const { items } = await cluster.api<{ metadata: never; items: readonly KubeObject[] }>(
    'GET',
    `/api/v1/namespaces/${agents.name}/events?fieldSelector=${selector}`,
  );
  const seconds = (Date.now() - Date.parse(metadata.creationTimestamp)) / 1000;
  expect(items.length).toBeGreaterThan(0);
  expect(items.length).toBeLessThanOrEqual(mostEvents(seconds));
  const { stdout } = await cluster.kubectl([
    ...['logs', `--namespace=${agents.name}`, 'noisy', '--container=actiongrant', '--tail=500'],
  ]);
  const lines = stdout.split('\n');
  expect(lines.length).toBeGreaterThan(50);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(1_024);
});

/** Of the noisy pod's sidecar. */
async function metrics(): Promise<string> {
  const response = await fetch(`http://${noisy.addresses[0]}:${SIDECAR_PORTS.operations}/metrics`);
  return response.text();
}

/** Sum of the series that begin so. */
function total(text: string, series: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`actiongrant_sidecar_${series}`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
