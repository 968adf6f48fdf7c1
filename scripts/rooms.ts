/**
 * The house: every folder of shipped code is a room, and a room imports only from those that are drawn here. CONTRIBUTING.md
 * describes the same rooms in words; `check-arrows.ts` holds the code to this table.
 */

/** A folder without its subfolders, or one file that is used apart from its neighbours. */
export interface Room {
  /** Path of the folder or the file. */
  readonly path: string;
  /** Paths of the rooms that it may import from; `core/` with its slash is every room below. */
  readonly uses: readonly string[];
  /** Packages, with what of them is imported; Node's own modules are named only for rooms that must stay pure. */
  readonly packages?: readonly string[];
  /** Neither I/O nor clock nor process: only these modules of Node. */
  readonly pure?: readonly string[];
}

export const ROOMS: readonly Room[] = [
  // Shared: what every process of ours speaks.
  { path: 'core/api/generated', uses: [], pure: [] },
  { path: 'core/api', uses: ['core/api/generated'], pure: [] },
  { path: 'core/text', uses: ['core/api'], pure: ['node:crypto', 'node:net', 'node:util'] },
  { path: 'core/time', uses: [] },
  { path: 'core/bounded-map.ts', uses: [], pure: [] },
  {
    path: 'core/action',
    uses: ['core/api', 'core/api/generated', 'core/text'],
    pure: ['node:crypto'],
  },
  {
    path: 'core/policy/call',
    uses: ['core/text', 'core/action'],
    pure: [],
  },
  {
    path: 'core/policy/condition',
    uses: ['core/text', 'core/action', 'core/policy/call'],
    packages: ['@marcbachmann/cel-js'],
    pure: [],
  },
  {
    path: 'core/policy',
    uses: [
      'core/api',
      'core/bounded-map.ts',
      'core/text',
      'core/policy/call',
      'core/policy/condition',
    ],
    pure: [],
  },
  { path: 'core/wire', uses: ['core/api', 'core/text', 'core/action'], pure: [] },
  {
    path: 'core/kubernetes',
    uses: ['core/text', 'core/time'],
    packages: ['@kubernetes/client-node', 'undici'],
  },
  { path: 'process', uses: ['core/'], packages: ['prom-client'] },

  // The controller, from what is known of a grant to what is served.
  { path: 'controller/send-problem.ts', uses: ['core/'], packages: ['express'] },
  { path: 'controller/kubernetes-unavailable.ts', uses: ['core/'] },
  { path: 'controller/cluster-keys.ts', uses: ['core/'], packages: ['jose'] },
  { path: 'controller/pods', uses: ['core/'] },
  { path: 'controller/grants', uses: ['core/'] },
  { path: 'controller/record', uses: ['core/', 'process'] },
  {
    path: 'controller/certificates',
    uses: ['core/', 'process'],
    packages: ['@peculiar/x509', 'reflect-metadata'],
  },
  { path: 'controller/injection', uses: ['core/', 'process', 'controller/pods'] },
  {
    path: 'controller/credentials',
    uses: [
      'core/',
      'process',
      'controller/cluster-keys.ts',
      'controller/grants',
      'controller/record',
    ],
    packages: ['jose'],
  },
  {
    path: 'controller/use',
    uses: [
      'core/',
      'process',
      'controller/kubernetes-unavailable.ts',
      'controller/grants',
      'controller/record',
      'controller/credentials',
    ],
  },
  {
    path: 'controller/reconcile',
    uses: [
      'core/',
      'process',
      'controller/pods',
      'controller/grants',
      'controller/record',
      'controller/credentials',
    ],
  },
  {
    path: 'controller/caches',
    uses: [
      'core/',
      'process',
      'controller/kubernetes-unavailable.ts',
      'controller/pods',
      'controller/grants',
      'controller/injection',
    ],
  },
  {
    path: 'controller/exchange',
    uses: [
      'core/',
      'process',
      'controller/send-problem.ts',
      'controller/cluster-keys.ts',
      'controller/caches',
      'controller/use',
    ],
    packages: ['express', 'jose'],
  },
  { path: 'controller/admission/protocol', uses: ['core/'] },
  {
    path: 'controller/admission/grants',
    uses: ['core/', 'controller/grants', 'controller/credentials', 'controller/admission/protocol'],
  },
  {
    path: 'controller/admission/pods',
    uses: ['core/', 'controller/pods', 'controller/injection', 'controller/admission/protocol'],
  },
  {
    path: 'controller/admission',
    uses: [
      'core/',
      'process',
      'controller/send-problem.ts',
      'controller/admission/protocol',
      'controller/admission/grants',
      'controller/admission/pods',
    ],
    packages: ['express'],
  },
  {
    path: 'controller/config.ts',
    uses: ['core/', 'process', 'controller/pods', 'controller/injection'],
  },
  {
    path: 'controller/wiring',
    uses: [
      'core/',
      'process',
      'controller/config.ts',
      'controller/cluster-keys.ts',
      'controller/send-problem.ts',
      'controller/caches',
      'controller/grants',
      'controller/record',
      'controller/credentials',
      'controller/use',
      'controller/reconcile',
      'controller/exchange',
      'controller/injection',
      'controller/admission',
      'controller/admission/pods',
      'controller/certificates',
    ],
    packages: ['express'],
  },
  {
    path: 'controller',
    uses: [
      'core/',
      'process',
      'controller/cluster-keys.ts',
      'controller/config.ts',
      'controller/record',
      'controller/credentials',
      'controller/certificates',
      'controller/wiring',
    ],
  },
  // What helm's hooks run.
  { path: 'controller/jobs', uses: ['core/', 'process'] },
  {
    path: 'controller/uninstall',
    uses: [
      'core/',
      'process',
      'controller/grants',
      'controller/credentials',
      'controller/injection',
      'controller/jobs',
    ],
  },
  {
    path: 'controller/installation-test',
    uses: ['core/', 'process', 'controller/pods', 'controller/injection', 'controller/jobs'],
  },

  // The sidecar, along a call's way.
  { path: 'sidecar/net-init', uses: ['core/', 'process'] },
  { path: 'sidecar/files', uses: ['core/'] },
  { path: 'sidecar/certificates', uses: ['core/', 'process', 'sidecar/files'] },
  { path: 'sidecar/dns', uses: ['core/', 'process'], packages: ['dns-packet'] },
  { path: 'sidecar/describe', uses: ['core/'] },
  { path: 'sidecar/refuse', uses: ['core/', 'sidecar/describe'] },
  { path: 'sidecar/credential', uses: ['core/'] },
  { path: 'sidecar/scan', uses: ['sidecar/credential'], pure: [] },
  {
    path: 'sidecar/intercept',
    uses: ['core/', 'process', 'sidecar/certificates', 'sidecar/describe', 'sidecar/refuse'],
    packages: ['koffi'],
  },
  {
    path: 'sidecar/exchange',
    uses: ['core/', 'process', 'sidecar/dns', 'sidecar/describe'],
    packages: ['undici'],
  },
  {
    path: 'sidecar/forward',
    uses: ['core/', 'sidecar/dns', 'sidecar/credential', 'sidecar/scan'],
    packages: ['undici'],
  },
  {
    path: 'sidecar',
    uses: [
      'core/',
      'process',
      'sidecar/files',
      'sidecar/certificates',
      'sidecar/dns',
      'sidecar/describe',
      'sidecar/refuse',
      'sidecar/credential',
      'sidecar/scan',
      'sidecar/intercept',
      'sidecar/exchange',
      'sidecar/forward',
    ],
    packages: ['undici'],
  },
];
