/** How long a pod takes until its agent runs, injected and not, in turn; and the first granted call of a pod just started. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../support/api-client.ts';
import { SERVICE } from '../../support/scene.ts';
import { median, milliseconds } from '../statistics.ts';
import { BODY, createUsableGrants } from '../usable-grants.ts';
import type { NodeBenchmark } from './benchmark.ts';
import { type BenchStage, INJECTED, idlePod, PLAIN } from './stage.ts';

const ROUNDS = 8;
const POLL_MILLISECONDS = 10;
const PATIENCE_MILLISECONDS = 60_000;

interface Pod extends KubeObject {
  readonly status: {
    readonly containerStatuses?: readonly { readonly started?: boolean }[];
  };
}

export const podStart: NodeBenchmark = {
  name: 'pod-start',
  async run(stage, say) {
    const plain: number[] = [];
    const injected: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const steps = [
        async () => plain.push(await start(stage, PLAIN, `plain-${round}`)),
        async () => injected.push(await start(stage, INJECTED, `injected-${round}`)),
      ];
      if (round % 2 === 1) steps.reverse();
      for (const step of steps) await step();
    }
    const first = await firstCalls(stage);
    const [without, with_] = [median(plain), median(injected)];
    const [one, two] = [median(first.map((f) => f.first)), median(first.map((f) => f.second))];
    say(
      `${ROUNDS} rounds: ${milliseconds(without)} without, ${milliseconds(with_)} with injection; first granted call ${milliseconds(one)}, second ${milliseconds(two)}`,
    );
    return [
      {
        key: 'pod_start_ratio',
        value: with_ / without,
        meaning: 'create to agent running, injected over not, p50',
      },
      { key: 'pod_start_plain_ms', value: without, meaning: 'without injection' },
      { key: 'pod_start_injected_ms', value: with_, meaning: 'with injection' },
      {
        key: 'first_call_ratio',
        value: one / two,
        meaning: 'first granted call of a pod just started over its second, p50 (curl)',
      },
      { key: 'first_call_ms', value: one, meaning: 'the first, from starting curl' },
    ];
  },
};

/** Milliseconds from the request that creates the pod until its container runs. */
async function start({ cluster }: BenchStage, namespace: string, name: string): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const begin = performance.now();
  await cluster.api('POST', path, idlePod(name, namespace, cluster.agentImage));
  for (;;) {
    const { status } = await cluster.api<Pod>('GET', `${path}/${name}`);
    if (status.containerStatuses?.[0]?.started === true) break;
    if (performance.now() - begin > PATIENCE_MILLISECONDS) throw new Error(`${name} did not start`);
    await sleep(POLL_MILLISECONDS);
  }
  const time = performance.now() - begin;
  const gone = ['delete', 'pod', name, `--namespace=${namespace}`, '--now', '--wait'];
  await cluster.kubectl(gone);
  return time;
}

/** Pods that call as soon as they run, twice. */
async function firstCalls(stage: BenchStage): Promise<{ first: number; second: number }[]> {
  const { cluster } = stage;
  const results: { first: number; second: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const urls = [1, 2].map((call) => `${SERVICE}/v1/first/${round}/${call}`);
    await createUsableGrants(cluster, INJECTED, urls);
    const name = `first-${round}`;
    const curl = (url: string) =>
      `curl -sS -o /dev/null -w '%{http_code} %{time_total}\\n' -H 'content-type: application/json' -d '${JSON.stringify(BODY)}' ${url}`;
    const script = `${urls.map(curl).join('; ')}; sleep infinity`;
    const pod = idlePod(name, INJECTED, cluster.agentImage, ['sh', '-c', script]);
    await cluster.api('POST', `/api/v1/namespaces/${INJECTED}/pods`, pod);
    await cluster.untilPodReady(INJECTED, name);
    const times = await untilLogged(stage, name);
    await cluster.kubectl(['delete', 'pod', name, `--namespace=${INJECTED}`, '--now', '--wait']);
    results.push(times);
  }
  return results;
}

async function untilLogged(
  { cluster }: BenchStage,
  name: string,
): Promise<{ first: number; second: number }> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const { stdout } = await cluster.kubectl(['logs', name, `--namespace=${INJECTED}`, '-c=agent']);
    const lines = stdout.trim().split('\n');
    if (lines.length === 2) {
      if (!lines.every((line) => line.startsWith('200 '))) throw new Error(`answers: ${stdout}`);
      const [first = 0, second = 0] = lines.map((line) => 1000 * Number(line.split(' ')[1]));
      return { first, second };
    }
    if (performance.now() > deadline) throw new Error(`${name} did not call: ${stdout}`);
    await sleep(200);
  }
}
