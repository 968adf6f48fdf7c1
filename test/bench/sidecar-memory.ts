/** Resident memory of a real sidecar with the image's flags: idle, and the most during granted and refused calls. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProxyAgent, request } from 'undici';
import { SERVICE } from '../support/scene.ts';
import type { Benchmark } from './benchmark.ts';
import { residentMegabytes } from './child.ts';
import { AGENT, BODY } from './usable-grants.ts';

const GRANTED = 100;
const REFUSED = 1_500;
const CONCURRENCY = 64;
const SETTLE_MILLISECONDS = 2_000;
const SAMPLE_MILLISECONDS = 50;

export const sidecarMemory: Benchmark = {
  name: 'sidecar-memory',
  async run(start, say) {
    const { product, namespace, upstream, usableGrants } = await start();
    const sidecar = await product.startSidecar({
      namespace,
      serviceAccountName: AGENT,
      connectTo: new Map([[`${new URL(SERVICE).host}:443`, `127.0.0.1:${upstream.port}`]]),
      trustBundle: upstream.caPem,
    });
    const agent = new ProxyAgent({
      uri: sidecar.proxyURL,
      requestTls: { ca: readFileSync(sidecar.caFile, 'utf8') },
      connections: CONCURRENCY,
    });
    try {
      await sleep(SETTLE_MILLISECONDS);
      const idle = residentMegabytes(sidecar.process.pid);
      const granted = (await usableGrants(GRANTED)).map(({ url }) => url);
      const refused = Array.from({ length: REFUSED }, (_, n) => `${SERVICE}/v1/refused/${n}`);
      let most = 0;
      const sampler = setInterval(() => {
        most = Math.max(most, residentMegabytes(sidecar.process.pid));
      }, SAMPLE_MILLISECONDS);
      // Mixed, so that both kinds are under way at the same time.
      const urls = refused.flatMap((url, index) => {
        const other = index % 15 === 0 ? granted[index / 15] : undefined;
        return other === undefined ? [url] : [url, other];
      });
      const counts = await callAll(agent, urls);
      clearInterval(sampler);
      most = Math.max(most, residentMegabytes(sidecar.process.pid));
      if (counts.get(200) !== GRANTED) {
        throw new Error(`answers: ${JSON.stringify([...counts])}`);
      }
      say(`idle ${idle.toFixed(0)} MB, at most ${most.toFixed(0)} MB over ${urls.length} calls`);
      return [
        { key: 'sidecar_rss_idle_mb', value: idle, meaning: 'started', goal: { atMost: 70 } },
        {
          key: 'sidecar_rss_load_mb',
          value: most,
          meaning: `most over ${urls.length} calls, ${CONCURRENCY} at a time`,
          goal: { atMost: 120 },
        },
      ];
    } finally {
      await agent.destroy();
      await sidecar.stop();
    }
  },
};

/** How often which status was answered. */
async function callAll(
  dispatcher: ProxyAgent,
  urls: readonly string[],
): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const left = urls.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const url of left) {
        const response = await request(url, {
          method: 'POST',
          dispatcher,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(BODY),
        });
        await response.body.dump();
        counts.set(response.statusCode, (counts.get(response.statusCode) ?? 0) + 1);
      }
    }),
  );
  return counts;
}
