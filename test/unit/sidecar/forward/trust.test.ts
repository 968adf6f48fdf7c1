import { expect, it } from 'vitest';
import { createTrust } from '../../../../sidecar/forward/trust.ts';
import { otherCA, upstreamCA } from './upstreams.ts';

it('makes one context for all upstreams, and one for the CA of a cluster', async () => {
  const trust = createTrust([await upstreamCA()]);
  const general = trust();
  expect(trust()).toBe(general);
  const cluster = trust(await otherCA());
  expect(trust(await otherCA())).toBe(cluster);
  expect(cluster).not.toBe(general);
});

it('follows the CA of the cluster when it changes', async () => {
  const trust = createTrust(undefined);
  const before = trust(await otherCA());
  expect(trust(await upstreamCA())).not.toBe(before);
});
