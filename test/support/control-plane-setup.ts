import type { TestProject } from 'vitest/node';
import { type ControlPlaneDetails, startControlPlane } from './control-plane.ts';
import { installCrds } from './crds.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** For `connectControlPlane(inject('controlPlane'))`. */
    controlPlane: ControlPlaneDetails;
  }
}

/** One control plane for all test files of a project; each test keeps to its own namespaces. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const plane = await startControlPlane();
  await installCrds(plane).catch(async (error: unknown) => {
    await plane.stop();
    throw error;
  });
  project.provide('controlPlane', plane.details);
  return () => plane.stop();
}
