import { expect, it } from 'vitest';
import {
  closedCounter,
  closedHistogram,
  createRegistry,
  DURATION_BUCKETS,
  Registry,
} from '../../../process/metrics.ts';

/** The lines of the samples, without comments. */
async function samples(registry: Registry): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && line[0] !== '#');
}

it('a counter with closed labels has every series from the start, at zero', async () => {
  const registry = new Registry();
  const counter = closedCounter(registry, {
    name: 'uses_total',
    help: 'Uses.',
    labels: { type: ['HTTP', 'Kubernetes'], outcome: ['Succeeded', 'Failed'] },
  });
  counter.inc({ type: 'HTTP', outcome: 'Failed' });
  expect(await samples(registry)).toEqual([
    'uses_total{type="HTTP",outcome="Succeeded"} 0',
    'uses_total{type="HTTP",outcome="Failed"} 1',
    'uses_total{type="Kubernetes",outcome="Succeeded"} 0',
    'uses_total{type="Kubernetes",outcome="Failed"} 0',
  ]);
});

it('a histogram with closed labels has every series from the start, at zero', async () => {
  const registry = new Registry();
  closedHistogram(registry, {
    name: 'stage_seconds',
    help: 'Stages.',
    labels: { stage: ['match', 'mint'] },
    buckets: [0.1, 1],
  });
  expect(await samples(registry)).toEqual(
    ['match', 'mint'].flatMap((stage) => [
      ...['0.1', '1', '+Inf'].map((le) => `stage_seconds_bucket{le="${le}",stage="${stage}"} 0`),
      `stage_seconds_sum{stage="${stage}"} 0`,
      `stage_seconds_count{stage="${stage}"} 0`,
    ]),
  );
});

it('durations have buckets in order, from a millisecond to half a minute', () => {
  expect(DURATION_BUCKETS).toEqual([...DURATION_BUCKETS].sort((a, b) => a - b));
  expect(DURATION_BUCKETS.at(0)).toBe(0.001);
  expect(DURATION_BUCKETS.at(-1)).toBe(30);
});

it('two registries do not share anything', async () => {
  const [a, b] = [createRegistry('1'), createRegistry('2')];
  expect(await a.metrics()).toContain('actiongrant_build_info{version="1"} 1');
  expect(await b.metrics()).not.toContain('version="1"}');
});
