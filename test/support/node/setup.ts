import type { TestProject } from 'vitest/node';
import type { NodeDetails } from './node-cluster.ts';
import { runningNode } from './running-node.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** For `new NodeCluster(inject('node'))`. */
    node: NodeDetails;
  }
}

/** Test files of the `e2e` project share the cluster that scripts/e2e.ts started or found. */
export default function setup(project: TestProject): void {
  project.provide('node', runningNode());
}
