import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What takes longest, for a checkout that has not run yet: started last, one of them would keep one worker busy while the
 * others have nothing left. Later runs go by what each file took before (node_modules/.vite).
 */
const LONGEST_FIRST = [
  ...[
    'double-spend',
    'chart-lifecycle',
    'crashes',
    'processes',
    'installation-test',
    'exchange',
    'sidecar',
    'uninstall',
    'revocation',
    'limits',
    'net-init',
    'sidecar-kubectl',
    'transparent',
  ].map((name) => `test/integration/${name}.test.ts`),
  ...['clients', 'kubectl', 'injection', 'interception'].map(e2eFile),
];

/** It wants a cluster that has never seen the product, installs the release itself, and takes it away again. */
const ON_A_NEW_CLUSTER = ['documented'].map(e2eFile);

/** It installs the release itself, and replaces it. */
const LIFECYCLE = ['release'].map(e2eFile);

/**
 * Nobody else's test would pass while they stop servers and replicas, or take all there is. The one that stops the most is the
 * last: each time that the API server is away, the cluster's programs wait longer before they look for it again.
 */
const FAULTS = ['smoke', 'walking-around-starvation', 'faults-controller', 'faults-cluster'].map(
  e2eFile,
);

function e2eFile(name: string): string {
  return `test/e2e/${name}.test.ts`;
}

class Ordered extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const known = files.every((file) => this.ctx.cache.getTestSpecificationResult(file));
    const order = [...FAULTS, ...(known ? [] : LONGEST_FIRST)];
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = order.findIndex((path) => moduleId.endsWith(`/${path}`));
      return at === -1 ? order.length : at;
    };
    // One project after the other, as they come.
    const byProject = Map.groupBy(sorted, ({ project }) => project.name);
    return [...byProject.values()].flatMap((own) => own.toSorted((a, b) => rank(a) - rank(b)));
  }
}

/** Nothing registers itself on import, and loading the sources anew for each file takes longer than most files. */
const inOneProcess = { isolate: false };

/** Test files that talk to real control planes; what they share is started once, for all of them. */
const withSharedClusters = {
  globalSetup: ['test/support/shared-setup.ts'],
  // The tests' own waits end sooner and say what for; on a busy machine some of them are long.
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

/** Only inside the namespaces of a cluster with a real node: scripts/e2e.ts. */
const withNode = {
  globalSetup: ['test/support/node/setup.ts'],
  setupFiles: ['test/support/node/on-failure.ts'],
  testTimeout: 120_000,
  hookTimeout: 240_000,
};

/** Test files that need a cluster to themselves, one after the other in the order that is given above. */
function oneByOne(name: string, include: readonly string[], groupOrder: number) {
  return {
    test: {
      name,
      include: [...include],
      maxWorkers: 1,
      sequence: { groupOrder },
      ...withNode,
    },
  };
}

export default defineConfig({
  test: {
    // Node 24 has what the product needs; the tests never depend on a bundler's environment.
    environment: 'node',
    sequence: { sequencer: Ordered },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          ...inOneProcess,
          // For machines that are busy with other things.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/attack/**/*.test.ts'],
          ...inOneProcess,
          ...withSharedClusters,
        },
      },
      {
        test: {
          name: 'e2e',
          include: [e2eFile('*')],
          exclude: [...ON_A_NEW_CLUSTER, ...LIFECYCLE, ...FAULTS],
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
          ...withNode,
        },
      },
      oneByOne('e2e-new', ON_A_NEW_CLUSTER, 1),
      oneByOne('e2e-lifecycle', LIFECYCLE, 3),
      oneByOne('e2e-faults', FAULTS, 4),
    ],
  },
});
