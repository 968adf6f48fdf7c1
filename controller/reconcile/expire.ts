/** Ends a grant whose time is over: the status first, so that no use can win any more; its Secret is collected after. */

import type { LiveGrant } from '../grants/resource.ts';
import { expired } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';

/** @throws KubernetesError `Conflict` if a use won: the grant is looked at again */
export async function expire(
  { client, cache, clock, reporter }: StepDependencies,
  grant: LiveGrant,
): Promise<void> {
  const written = await writeStatus(client, grant, expired(grant, clock.now()));
  cache.observe(written);
  reporter.expired(written);
}
