/**
 * From the report that ends a use to the first refusal of its credential, asked by TokenReview as a service would. For a
 * credential that was used, most of it is the API server's own success cache (10 s from the first use); for one that never
 * was, it is ours.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { UseAnswer } from '../../core/wire/use.ts';
import { aJsonBody, anHttpCall } from '../support/exchange.ts';
import { issuePodToken, type PodToken } from '../support/kubelet.ts';
import { SERVICE } from '../support/scene.ts';
import { reviewedUser } from '../support/upstream.ts';
import type { Benchmark } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { median, milliseconds, quantile } from './statistics.ts';
import { AGENT, BODY } from './usable-grants.ts';

const USED = 60;
const UNUSED = 100;
/** Asked rarely until the cache must have run out, and then often. */
const EARLIEST_MILLISECONDS = 9_800;
const POLL_MILLISECONDS = 20;
const APART_MILLISECONDS = 50;
const GIVE_UP_MILLISECONDS = 30_000;

export const revokeToRefused: Benchmark = {
  name: 'revoke-to-refused',
  async run(start, say) {
    const environment = await start();
    const { plane, namespace, exchange, usableGrants } = environment;
    const pod = await issuePodToken(plane, { namespace, serviceAccountName: AGENT });
    const grants = await usableGrants(USED + UNUSED);
    const take = (index: number): Promise<UseAnswer> => {
      const url = grants[index]?.url ?? '';
      return exchange.mustUse(pod, anHttpCall({ url, body: aJsonBody(BODY) }));
    };
    const unused: number[] = [];
    for (let index = 0; index < UNUSED; index++) {
      unused.push(await measure(environment, pod, await take(index), false));
    }
    const used = await Promise.all(
      Array.from({ length: USED }, async (_, index) => {
        await sleep(index * APART_MILLISECONDS);
        return measure(environment, pod, await take(UNUSED + index), true);
      }),
    );
    say(`used: p50 ${milliseconds(median(used))}; never used: p50 ${milliseconds(median(unused))}`);
    return [
      { key: 'revoke_to_refused_p50_ms', value: median(used), meaning: 'credential that was used' },
      { key: 'revoke_to_refused_p99_ms', value: quantile(used, 0.99), meaning: 'same' },
      { key: 'revoke_to_refused_unused_p50_ms', value: median(unused), meaning: 'never used' },
      { key: 'revoke_to_refused_unused_p99_ms', value: quantile(unused, 0.99), meaning: 'same' },
    ];
  },
};

async function measure(
  { plane, exchange }: Environment,
  pod: PodToken,
  { nonce, grant, credential }: UseAnswer,
  used: boolean,
): Promise<number> {
  const token = credential?.token ?? '';
  const isAccepted = async (): Promise<boolean> =>
    (await reviewedUser(plane, token, SERVICE)) !== undefined;
  const firstUse = performance.now();
  if (used && !(await isAccepted())) throw new Error('a live credential was refused');
  const reported = performance.now();
  const report = { outcome: 'Succeeded', grant, credentialToken: token } as const;
  await exchange.finish(pod, nonce, report);
  if (used) await sleep(firstUse + EARLIEST_MILLISECONDS - performance.now());
  for (;;) {
    const asked = performance.now();
    if (!(await isAccepted())) return performance.now() - reported;
    if (asked - reported > GIVE_UP_MILLISECONDS) throw new Error('a credential stays accepted');
    await sleep(POLL_MILLISECONDS);
  }
}
