/** Finding the grant of a call among many: one look-up by digest, then every rule on what was found. */

import { grantsForAction, indexGrants } from '../../controller/grants/cache.ts';
import type { LiveGrant } from '../../controller/grants/resource.ts';
import { mismatch, preferred } from '../../controller/use/match.ts';
import { actionKeys } from '../../core/action/digest.ts';
import { grantedAction } from '../../core/action/grant.ts';
import { ObjectStore } from '../../core/kubernetes/store.ts';
import { aGrant, anApprovedStatus, anHttpAction, NOON } from '../support/builders.ts';
import { aJsonBody, anHttpCall } from '../support/exchange.ts';
import { SERVICE } from '../support/scene.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { median, quantile } from './statistics.ts';
import { AGENT, BODY } from './usable-grants.ts';

const SIZES = [100, 10_000, 100_000];
const BATCHES = 15;
const LOOKUPS_PER_BATCH = 2_000;
const CALLER = { namespace: 'soc', serviceAccountName: AGENT, podName: 'a', podUID: 'b' };

export const match: Benchmark = {
  name: 'match',
  async run(_environment, say) {
    const figures: Figure[] = [];
    for (const size of SIZES) {
      const batches = lookups(storeOf(size), size);
      const p50 = 1000 * median(batches.flat());
      // Of the batches the middle one: a stall of the machine is not ours.
      const p99 = 1000 * median(batches.map((times) => quantile(times, 0.99)));
      say(`${size} grants: p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`);
      const label = size < 1000 ? `${size}` : `${size / 1000}k`;
      const meaning = `match among ${size} grants`;
      figures.push({ key: `match_${label}_p50_us`, value: p50, meaning });
      figures.push({
        key: `match_${label}_p99_us`,
        value: p99,
        meaning,
        ...(size === 100_000 ? { goal: { atMost: 50 } } : {}),
      });
    }
    return figures;
  },
};

function storeOf(size: number): ObjectStore<LiveGrant> {
  const store = new ObjectStore<LiveGrant>();
  indexGrants(store);
  const grants = Array.from({ length: size }, (_, index) => {
    const action = anHttpAction({
      url: urlOf(index),
      body: { type: 'JSON', json: JSON.stringify(BODY) },
    });
    const grant = aGrant({
      metadata: { name: `grant-${index}`, resourceVersion: `${index + 1}` },
      spec: { action },
      status: anApprovedStatus({ actionDigest: grantedAction(action).digest }),
    });
    return grant as LiveGrant;
  });
  store.beginList();
  store.replaceAll(grants, `${size + 1}`);
  return store;
}

/** Milliseconds of each look-up, from the described call to the grant, by batch. */
function lookups(store: ObjectStore<LiveGrant>, size: number): number[][] {
  const batches: number[][] = Array.from({ length: BATCHES + 1 }, () => []);
  const now = Date.parse(NOON) + 60_000;
  for (let round = 0; round < (BATCHES + 1) * LOOKUPS_PER_BATCH; round++) {
    const call = anHttpCall({ url: urlOf((round * 7919) % size), body: aJsonBody(BODY) });
    const start = performance.now();
    const usable = [];
    for (const { form, digest } of actionKeys(call)) {
      for (const grant of grantsForAction(store, CALLER, digest)) {
        const facts = { caller: CALLER, nonce: 'n', digest, now, acceptsGrantsFrom: () => true };
        if (mismatch(grant, facts) === undefined) usable.push({ grant, form });
      }
    }
    usable.sort(preferred);
    const time = performance.now() - start;
    if (usable.length !== 1) throw new Error(`${usable.length} grants match instead of one`);
    batches[Math.floor(round / LOOKUPS_PER_BATCH)]?.push(time);
  }
  // The first one is for the compiler.
  return batches.slice(1);
}

function urlOf(index: number): string {
  return `${SERVICE}/v1/hosts/host-${index}/quarantine`;
}
