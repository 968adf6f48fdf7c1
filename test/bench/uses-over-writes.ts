/**
 * How many uses a second, over how many bare status writes a second the same API server takes at the same concurrency: the
 * write is the one thing a use cannot do without. In turn, in the same run.
 */

import { randomUUID } from 'node:crypto';
import { aJsonBody, anHttpCall } from '../support/exchange.ts';
import { issuePodToken } from '../support/kubelet.ts';
import type { Benchmark } from './benchmark.ts';
import { consumingWrite } from './floor.ts';
import { median } from './statistics.ts';
import { AGENT, type BenchGrant, BODY } from './usable-grants.ts';

const ROUNDS = 5;
const GRANTS_PER_ROUND = 120;
const CONCURRENCY = 16;

export const usesOverWrites: Benchmark = {
  name: 'uses-over-writes',
  async run(start, say) {
    const environment = await start();
    const { exchange, namespace, plane, product, usableGrants } = environment;
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: AGENT });
    const ports = product.replicas.map(({ port }) => port);
    let next = 0;

    const use = async ({ url }: BenchGrant): Promise<void> => {
      const call = anHttpCall({ url, body: aJsonBody(BODY) });
      await exchange.mustUse(pod, call, ports[next++ % ports.length]);
    };
    const write = (grant: BenchGrant): Promise<void> => {
      const expirationTime = new Date(Date.now() + 600_000).toISOString();
      const token = { jti: randomUUID(), expirationTime };
      return consumingWrite(environment.client, grant, pod, randomUUID(), token);
    };

    const rounds: { uses: number; writes: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const grants = await usableGrants(2 * GRANTS_PER_ROUND);
      const uses = await perSecond(grants.slice(0, GRANTS_PER_ROUND), use);
      const writes = await perSecond(grants.slice(GRANTS_PER_ROUND), write);
      // The first one is for the compilers.
      if (round > 0) rounds.push({ uses, writes });
    }
    const [uses, writes] = [median(rounds.map((r) => r.uses)), median(rounds.map((r) => r.writes))];
    say(`${uses.toFixed(0)} uses/s, ${writes.toFixed(0)} status writes/s`);
    return [
      {
        key: 'uses_over_writes_ratio',
        value: median(rounds.map((r) => r.uses / r.writes)),
        meaning: `uses/s over status writes/s, ${CONCURRENCY} at a time`,
      },
      { key: 'uses_per_second', value: uses, meaning: `${ports.length} replicas` },
      { key: 'writes_per_second', value: writes, meaning: 'bare status writes' },
    ];
  },
};

async function perSecond(
  grants: readonly BenchGrant[],
  work: (grant: BenchGrant) => Promise<void>,
): Promise<number> {
  const left = grants.values();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const grant of left) await work(grant);
    }),
  );
  return (1000 * grants.length) / (performance.now() - start);
}
