/**
 * Plain forwarding: TLS ended, every byte of the head judged, a pooled connection upstream, no controller. Compared with the
 * same load on the origin itself, in turn. Two processes: the sidecar's way, and load with origin.
 */

import { createAuthority, issue } from '../support/pki.ts';
import { SIDECAR_FLAGS } from '../support/sidecar-process.ts';
import type { HarnessOptions, HarnessReady } from './always-granted.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { BenchChild, besides } from './child.ts';
import { type LoadOptions, type LoadResult, ORIGIN } from './forwarding-load.ts';
import { median } from './statistics.ts';

const ROUNDS = 4;
const MILLISECONDS = 2_000;
const MANY = 64;
/** Credentials of other calls that are looked for. */
const LIVE = 10;

interface Pair {
  readonly direct: LoadResult;
  readonly ours: LoadResult;
  /** Of one request. */
  readonly processorMicroseconds: number;
}

export const forwarding: Benchmark = {
  name: 'forwarding',
  async run(_environment, say) {
    const authority = await createAuthority('bench origin');
    const pair = await issue(authority, {
      commonName: ORIGIN,
      dnsNames: [ORIGIN],
      usage: 'server',
    });
    using load = new BenchChild(besides(import.meta.url, 'forwarding-load'));
    using harness = new BenchChild(besides(import.meta.url, 'forwarding-harness'), SIDECAR_FLAGS);
    using scanning = new BenchChild(besides(import.meta.url, 'forwarding-harness'), SIDECAR_FLAGS);
    const originPort = await load.ask<number>({ type: 'Origin', ...pair });
    const options: HarnessOptions = {
      connectTo: [[`${ORIGIN}:443`, `127.0.0.1:${originPort}`]],
      trust: authority.certificate,
    };
    const ready = await harness.ask<HarnessReady>(options);
    const scanningReady = await scanning.ask<HarnessReady>({ ...options, live: LIVE });
    /** @param through what the load goes through; null: nothing */
    const run = (through: HarnessReady | null, connections: number): Promise<LoadResult> =>
      load.ask<LoadResult>({
        type: 'Load',
        connections,
        milliseconds: MILLISECONDS,
        ...(through === null
          ? { ca: authority.certificate, port: originPort, proxy: false }
          : { ca: through.caPem, port: through.port, proxy: true }),
      } satisfies LoadOptions);
    const processorTime = async (child: BenchChild, through: HarnessReady): Promise<number> => {
      const before = child.processorMicroseconds();
      const { requests } = await run(through, MANY);
      return (child.processorMicroseconds() - before) / requests;
    };

    const pairs = async (connections: number): Promise<Pair[]> => {
      // Compiled code first.
      await run(ready, connections);
      const all: Pair[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const direct = await run(null, connections);
        const before = harness.processorMicroseconds();
        const ours = await run(ready, connections);
        const spent = harness.processorMicroseconds() - before;
        all.push({ direct, ours, processorMicroseconds: spent / ours.requests });
      }
      return all;
    };
    const one = await pairs(1);
    const added = median(
      one.map(({ direct, ours }) => ours.p50Milliseconds - direct.p50Milliseconds),
    );
    const many = await pairs(MANY);
    const ratio = median(
      many.map(({ direct, ours }) => ours.requestsPerSecond / direct.requestsPerSecond),
    );
    const ours = median(many.map((pair) => pair.ours.requestsPerSecond));
    const direct = median(many.map((pair) => pair.direct.requestsPerSecond));
    // As compiled as the other one is by now; then in turn, so that both meet the same machine.
    for (let round = 0; round <= ROUNDS; round++) await run(scanningReady, MANY);
    const scanned: number[] = [];
    const unscanned: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      unscanned.push(await processorTime(harness, ready));
      scanned.push(await processorTime(scanning, scanningReady));
    }
    const price = median(scanned.map((time, round) => time / (unscanned[round] ?? Number.NaN)));
    say(`looking for ${LIVE} live credentials: ${price.toFixed(2)} times the processor time`);
    say(
      `c=1 adds ${(1000 * added).toFixed(0)} µs; c=64 ${ours.toFixed(0)} of ${direct.toFixed(0)} requests/s`,
    );
    const figures: Figure[] = [
      {
        key: 'forward_c1_added_us',
        value: 1000 * added,
        meaning: 'one connection, p50 minus direct p50',
      },
      {
        key: 'forward_c64_ratio',
        value: ratio,
        meaning: '64 connections, requests/s over direct',
        goal: { atLeast: 0.5 },
      },
      {
        key: 'forward_c64_processor_us',
        value: median(many.map(({ processorMicroseconds }) => processorMicroseconds)),
        meaning: 'processor time of the sidecar for one request',
      },
      {
        key: 'forward_scan_ratio',
        value: price,
        meaning: `processor time with ${LIVE} live credentials over none, 1 KiB`,
      },
      { key: 'forward_c64_requests_per_second', value: ours, meaning: '64 connections' },
    ];
    return figures;
  },
};
