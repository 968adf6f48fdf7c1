/** The person at the other end: makes the grant that a refusal asks for. */

import { parse } from 'yaml';
import type { ActionGrant } from '../../../core/api/generated/actiongrant.ts';
import { grantsPath, untilPhase } from '../grants.ts';
import type { NodeCluster } from './node-cluster.ts';
import { refusalIn } from './refusal-text.ts';

export interface Approval {
  /** The ServiceAccount that is lent: what the manifest leaves open. */
  readonly account: string;
  /** Of the one use; the manifest leaves it at its default. */
  readonly timeoutSeconds?: number;
  /** What else the person changes in what was asked for. */
  change?(spec: ActionGrant['spec']): ActionGrant['spec'];
}

/**
 * Creates the grant whose manifest stands in a client's output, and resolves once it can be used.
 *
 * @throws Error with the output, if there is none in it
 */
export function approve(
  cluster: NodeCluster,
  output: string,
  approval: Approval,
): Promise<ActionGrant> {
  const { detail, manifest } = refusalIn(output);
  if (manifest === undefined) throw new Error(`no grant would help: ${detail}`);
  return createFromManifest(cluster, manifest, approval);
}

/** The same for a manifest that is known. */
export async function createFromManifest(
  cluster: NodeCluster,
  manifest: string,
  { account, timeoutSeconds, change = (spec) => spec }: Approval,
): Promise<ActionGrant> {
  const wanted: ActionGrant = parse(
    manifest
      .replace('serviceAccountName: "REPLACE-ME"', `serviceAccountName: "${account}"`)
      .replace('REPLACE-ME: why the agent should do this', 'an end-to-end test'),
  );
  const grant = await cluster.api<ActionGrant>('POST', grantsPath(wanted.metadata.namespace), {
    ...wanted,
    spec: change({ ...wanted.spec, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) }),
  });
  return untilPhase(cluster, grant, 'Approved');
}
