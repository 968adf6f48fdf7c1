/**
 * prom-client by its own files: its index also loads clustering, the push gateway and performance hooks, which costs the
 * sidecar 16 MB of memory in every agent pod.
 */

declare module 'prom-client/lib/registry.js' {
  export { Registry as default } from 'prom-client';
}

declare module 'prom-client/lib/counter.js' {
  export { Counter as default } from 'prom-client';
}

declare module 'prom-client/lib/gauge.js' {
  export { Gauge as default } from 'prom-client';
}

declare module 'prom-client/lib/histogram.js' {
  export { Histogram as default } from 'prom-client';
}

declare module 'prom-client/lib/metrics/*' {
  import type { Registry } from 'prom-client';

  /** Registers one family of process metrics. */
  const collect: (registry: Registry) => void;
  export default collect;
}
