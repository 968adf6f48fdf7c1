/** Closes a use that nobody will report any more. Never given back: what may have been sent is not sent again. */

import type { Use } from '../../api/generated/actiongrant.ts';
import { deleteBoundSecret } from '../grants/bound-secret.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { finished } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';

export interface BurnDependencies extends StepDependencies {
  /** Starts confirming that the token is refused, if this replica has it. */
  confirm(grant: LiveGrant, nonce: string): void;
}

export async function burn(
  { client, cache, clock, reporter, confirm }: BurnDependencies,
  grant: LiveGrant,
  use: Use,
  reason: string,
): Promise<void> {
  if (use.credential !== undefined) {
    await deleteBoundSecret(client, grant.metadata.namespace, use.credential);
  }
  const ending = {
    outcome: 'Unknown',
    ...(use.credential === undefined ? {} : { deletedTime: clock.now() }),
  } as const;
  const written = await writeStatus(client, grant, finished(grant, ending, clock.now()));
  cache.observe(written);
  reporter.used(written, { nonce: use.id, outcome: 'Unknown', reason });
  if (use.credential !== undefined) confirm(written, use.id);
}
