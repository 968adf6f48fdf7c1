/** Ends a grant whose time is over: the status first, so that no use can win any more; its Secret is collected after. */

import type { LiveGrant } from '../grants/resource.ts';
import { expired } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';

/** @throws KubernetesError `Conflict` if a use won: the grant is looked at again */
export async function expire(dependencies: StepDependencies, grant: LiveGrant): Promise<void> {
  const { clock, recorder } = dependencies;
  const written = await writeStatus(dependencies, grant, expired(grant, clock.now()));
  recorder.expired(written);
}
