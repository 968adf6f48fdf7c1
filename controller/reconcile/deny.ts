/** Ends a grant that was denied. Nothing was made for it, so nothing is to be revoked. */

import type { Approval } from '../grants/approval.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { denied } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';
import { describe } from './describe.ts';

/** @throws KubernetesError `Conflict` if somebody else was first: the grant is looked at again */
export async function deny(
  dependencies: StepDependencies,
  grant: LiveGrant,
  denial: Approval,
): Promise<void> {
  const { clock, recorder } = dependencies;
  const status = denied(grant, describe(grant), denial, clock.now());
  recorder.denied(await writeStatus(dependencies, grant, status));
}
