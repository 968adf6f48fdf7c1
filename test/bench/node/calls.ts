/**
 * A granted and a refused call from inside a pod, over the least that any such design must do for a granted one: mint a token,
 * write that it is in use, and make the call on a connection of its own. In turn, in the same run. And what the sidecar's
 * container takes meanwhile.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { mint } from '../../../controller/credentials/mint.ts';
import { untilPhase } from '../../support/grants.ts';
import { issuingWith } from '../../support/issuing.ts';
import { SERVICE } from '../../support/scene.ts';
import { processorMicroseconds, residentMegabytes } from '../child.ts';
import { consumingWrite } from '../floor.ts';
import { median, milliseconds, quantile } from '../statistics.ts';
import { type BenchGrant, BODY, createUsableGrants } from '../usable-grants.ts';
import type { NodeBenchmark } from './benchmark.ts';
import { type BenchStage, INJECTED, idlePod, PLAIN } from './stage.ts';

const ROUNDS = 6;
const CALLS = 25;
const POD = 'caller';
const IDLE_MILLISECONDS = 5_000;

export const calls: NodeBenchmark = {
  name: 'calls',
  async run(stage, say) {
    const { cluster } = stage;
    for (const namespace of [INJECTED, PLAIN]) {
      await cluster.apply(idlePod(POD, namespace, cluster.agentImage));
      await cluster.untilPodReady(namespace, POD);
    }
    const sidecar = await cluster.containerProcess(INJECTED, POD, 'actiongrant');
    const idle = await processorShare(sidecar.pid, () => sleep(IDLE_MILLISECONDS));
    const idleMegabytes = residentMegabytes(sidecar.pid);

    const granted: number[] = [];
    const floor: number[] = [];
    const refused: number[] = [];
    let spent = 0;
    // The first round is for the compilers.
    for (let round = 0; round <= ROUNDS; round++) {
      const url = (kind: string, call: number) => `${SERVICE}/v1/${kind}/${round}/${call}`;
      const urls = (kind: string) => Array.from({ length: CALLS }, (_, call) => url(kind, call));
      const mine = await createUsableGrants(cluster, INJECTED, urls('granted'));
      const theirs = await createUsableGrants(cluster, INJECTED, urls('floor'));
      const before = processorMicroseconds(sidecar.pid);
      const times = await callFromPod(stage, INJECTED, urls('granted'), 200);
      spent += processorMicroseconds(sidecar.pid) - before;
      for (const { grant } of mine) await untilPhase(cluster, grant, 'Finished');
      const floors = await floorTimes(stage, theirs);
      const refusals = await callFromPod(stage, INJECTED, urls('refused'), 403);
      if (round === 0) spent = 0;
      else {
        granted.push(...times);
        floor.push(...floors);
        refused.push(...refusals);
      }
    }
    const loadMegabytes = residentMegabytes(sidecar.pid);
    say(
      `granted p50 ${milliseconds(median(granted))}, p99 ${milliseconds(quantile(granted, 0.99))}; floor p50 ${milliseconds(median(floor))}, p99 ${milliseconds(quantile(floor, 0.99))}; refused p50 ${milliseconds(median(refused))}`,
    );
    return [
      {
        key: 'pod_granted_call_p50_ratio',
        value: median(granted) / median(floor),
        meaning: 'granted call over token + write + direct call, from the pod',
        goal: { atMost: 1.25 },
      },
      {
        key: 'pod_granted_call_p99_ratio',
        value: quantile(granted, 0.99) / quantile(floor, 0.99),
        meaning: 'the same at p99',
        goal: { atMost: 1.25 },
      },
      {
        key: 'pod_refused_call_p50_ratio',
        value: median(refused) / median(floor),
        meaning: 'refused call over the same floor',
      },
      { key: 'pod_granted_call_p50_ms', value: median(granted), meaning: 'granted call' },
      { key: 'pod_refused_call_p50_ms', value: median(refused), meaning: 'refused call' },
      {
        key: 'pod_granted_call_processor_ms',
        value: spent / 1000 / granted.length,
        meaning: "sidecar's processor time for one granted call",
      },
      { key: 'pod_sidecar_idle_mb', value: idleMegabytes, meaning: 'resident, started' },
      { key: 'pod_sidecar_load_mb', value: loadMegabytes, meaning: 'resident, after the calls' },
      { key: 'pod_sidecar_idle_processor', value: idle, meaning: 'share of a core, idle' },
    ];
  },
};

/** Time of each call, one after the other, each on a connection of its own. */
async function callFromPod(
  { cluster }: BenchStage,
  namespace: string,
  urls: readonly string[],
  expected: number,
): Promise<number[]> {
  const input = `${CALLER}\nmain(${JSON.stringify(urls)}, ${JSON.stringify(JSON.stringify(BODY))}, ${JSON.stringify(
    cluster.upstreamAuthority.certificate,
  )});`;
  const { code, stdout, stderr } = await cluster.exec(
    namespace,
    POD,
    ['node', '--input-type=module', '-'],
    { container: 'agent', input },
  );
  if (code !== 0) throw new Error(`the calls failed: ${stderr}`);
  const results = JSON.parse(stdout) as [number, number, string][];
  const other = results.find(([status]) => status !== expected);
  if (other !== undefined)
    throw new Error(
      `${other[0]} instead of ${expected} after ${milliseconds(other[1])}: ${other[2]}`,
    );
  return results.map(([, time]) => time);
}

/** Runs in the pods: an ordinary client, told of the service's own CA beside what the pod trusts. */
const CALLER = `
import { request } from 'node:https';
import { readFileSync } from 'node:fs';
const own = process.env.NODE_EXTRA_CA_CERTS;
async function main(urls, body, authority) {
  const ca = [authority, ...(own ? [readFileSync(own, 'utf8')] : [])];
  const call = (url) => new Promise((resolve, reject) => {
    const start = performance.now();
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    // Only the plain pod's calls arrive with it: the sidecar puts the minted one in its place.
    headers.authorization = 'Bearer bench';
    const outgoing = request(url, { method: 'POST', agent: false, ca, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; });
      response.once('end', () => resolve([response.statusCode, performance.now() - start, text]));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
  await call(urls[0].replace('/v1/', '/warm-up/')).catch(() => {});
  const results = [];
  for (const url of urls) results.push(await call(url));
  process.stdout.write(JSON.stringify(results));
}`;

/** What a granted call cannot do without: its token and its write, timed here, and the call itself from the plain pod. */
async function floorTimes(stage: BenchStage, grants: readonly BenchGrant[]): Promise<number[]> {
  const { client } = stage;
  const pod = { podName: POD, podUid: randomUUID() };
  const writes: number[] = [];
  for (const mine of grants) {
    const start = performance.now();
    const credential = await mint(issuingWith(client), mine.grant, 10_000);
    if (credential === undefined) throw new Error('the grant has no credential');
    await consumingWrite(client, mine, pod, randomUUID(), credential);
    writes.push(performance.now() - start);
  }
  const urls = grants.map(({ url }) => url);
  const direct = await callFromPod(stage, PLAIN, urls, 200);
  return direct.map((time, index) => time + (writes[index] ?? Number.NaN));
}

/** Share of one core that a process takes during some work. */
async function processorShare(pid: number, work: () => Promise<unknown>): Promise<number> {
  const [before, start] = [processorMicroseconds(pid), performance.now()];
  await work();
  return (processorMicroseconds(pid) - before) / (1000 * (performance.now() - start));
}
