/** Metrics: one registry a process, closed label sets, every series there from the start. */

import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import osMemoryHeap from 'prom-client/lib/metrics/osMemoryHeap.js';
import processCpuTotal from 'prom-client/lib/metrics/processCpuTotal.js';
import processOpenFileDescriptors from 'prom-client/lib/metrics/processOpenFileDescriptors.js';
import processStartTime from 'prom-client/lib/metrics/processStartTime.js';
import Registry from 'prom-client/lib/registry.js';

export { Counter, Gauge, Histogram, Registry };

/** From 1 ms to 30 s: a use takes some milliseconds. The time that a person takes has buckets of its own. */
export const DURATION_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30,
];

/** CPU, memory, file descriptors and start time, under Prometheus's usual names. */
const PROCESS_METRICS = [
  processCpuTotal,
  osMemoryHeap,
  processOpenFileDescriptors,
  processStartTime,
];

export function createRegistry(version: string): Registry {
  const registry = new Registry();
  for (const collect of PROCESS_METRICS) collect(registry);
  new Gauge({
    name: 'actiongrant_build_info',
    help: 'Version of this process; the value is 1.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  return registry;
}

/** A counter whose label values are known: each series starts at zero, so that rates and alerts see the first event. */
export function closedCounter<L extends string>(
  registry: Registry,
  options: { name: string; help: string; labels: Readonly<Record<L, readonly string[]>> },
): Counter<L> {
  const labelNames = Object.keys(options.labels) as L[];
  const counter = new Counter({
    name: options.name,
    help: options.help,
    labelNames,
    registers: [registry],
  });
  for (const labels of combinations(options.labels)) counter.inc(labels, 0);
  return counter;
}

/** A histogram in seconds whose label values are known. */
export function closedHistogram<L extends string>(
  registry: Registry,
  options: {
    name: string;
    help: string;
    labels: Readonly<Record<L, readonly string[]>>;
    buckets?: number[];
  },
): Histogram<L> {
  const labelNames = Object.keys(options.labels) as L[];
  const histogram = new Histogram({
    name: options.name,
    help: options.help,
    labelNames,
    buckets: options.buckets ?? DURATION_BUCKETS,
    registers: [registry],
  });
  for (const labels of combinations(options.labels)) histogram.zero(labels);
  return histogram;
}

function combinations<L extends string>(
  labels: Readonly<Record<L, readonly string[]>>,
): Record<L, string>[] {
  return (Object.keys(labels) as L[]).reduce<Record<L, string>[]>(
    (rows, name) => rows.flatMap((row) => labels[name].map((value) => ({ ...row, [name]: value }))),
    [{} as Record<L, string>],
  );
}
