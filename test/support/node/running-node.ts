import { existsSync, readFileSync } from 'node:fs';
import type { ControlPlaneDetails } from '../control-plane-client.ts';
import { stateFiles } from './layout.ts';
import type { NodeDetails } from './node-cluster.ts';

/** Environment of whatever runs inside a cluster: its state directory, and the product's image under test. */
export const NODE_VARIABLE = 'ACTIONGRANT_TEST_NODE';
export const IMAGE_VARIABLE = 'ACTIONGRANT_TEST_IMAGE';

/** Folder for what a failed test is understood by. */
export const EVIDENCE_VARIABLE = 'ACTIONGRANT_TEST_EVIDENCE';

/** The cluster that this process runs inside. @throws Error if it does not */
export function runningNode(env = process.env): NodeDetails {
  const directory = env[NODE_VARIABLE];
  if (!directory || !existsSync(stateFiles(directory).ready)) {
    throw new Error('this runs inside a cluster with a node only: use "node scripts/e2e.ts"');
  }
  const details: ControlPlaneDetails = JSON.parse(
    readFileSync(stateFiles(directory).ready, 'utf8'),
  );
  return {
    ...details,
    productImage: env[IMAGE_VARIABLE] ?? '',
    evidence: env[EVIDENCE_VARIABLE] ?? '',
  };
}
