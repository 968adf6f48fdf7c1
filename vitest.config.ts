import { defineConfig } from 'vitest/config';

/** Test files that talk to one real control plane, started before the first of them. */
const withControlPlane = {
  globalSetup: ['test/support/control-plane-setup.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    // Node 24 has what the product needs; the tests never depend on a bundler's environment.
    environment: 'node',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          ...withControlPlane,
        },
      },
      {
        test: {
          name: 'attack',
          include: ['test/attack/**/*.test.ts'],
          ...withControlPlane,
        },
      },
    ],
  },
});
