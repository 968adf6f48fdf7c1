import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What takes longest, for a checkout that has not run yet: started last, one of them would keep one worker busy while the
 * others have nothing left. Later runs go by what each file took before (node_modules/.vite).
 */
const LONGEST_FIRST = [
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
].map((name) => `/test/integration/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    if (files.every((file) => this.ctx.cache.getTestSpecificationResult(file))) return sorted;
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST_FIRST.findIndex((path) => moduleId.endsWith(path));
      return at === -1 ? LONGEST_FIRST.length : at;
    };
    // One project after the other, as they come.
    const byProject = Map.groupBy(sorted, ({ project }) => project.name);
    return [...byProject.values()].flatMap((own) => own.toSorted((a, b) => rank(a) - rank(b)));
  }
}

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

/** First of all, while the cluster is as it was started: they install the release themselves. */
const ON_A_NEW_CLUSTER = ['test/e2e/documented.test.ts'];

/** Nobody else's test would pass while they stop servers, replace the release, or take all there is. */
const CHANGE_THE_CLUSTER = [
  'test/e2e/smoke.test.ts',
  'test/e2e/faults-cluster.test.ts',
  'test/e2e/faults-controller.test.ts',
  'test/e2e/release.test.ts',
  'test/e2e/walking-around-starvation.test.ts',
];

export default defineConfig({
  test: {
    // Node 24 has what the product needs; the tests never depend on a bundler's environment.
    environment: 'node',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // Nothing registers itself on import, and loading the sources anew for each file takes longer than most files.
          isolate: false,
          // For machines that are busy with other things.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/attack/**/*.test.ts'],
          ...withSharedClusters,
        },
      },
      {
        test: {
          name: 'e2e-new',
          include: ON_A_NEW_CLUSTER,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          ...withNode,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: [...ON_A_NEW_CLUSTER, ...CHANGE_THE_CLUSTER],
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
          ...withNode,
        },
      },
      {
        test: {
          name: 'e2e-alone',
          include: CHANGE_THE_CLUSTER,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
          ...withNode,
        },
      },
    ],
  },
});
