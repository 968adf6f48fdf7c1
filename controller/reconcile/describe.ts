/** Says of a grant what it is for, as soon as it is seen: those who decide read it. */

import { grantedAction } from '../../core/action/grant.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { type Description, pending } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import type { StepDependencies } from './dependencies.ts';

/** First sight of a grant that waits for a decision. */
export async function describePending(
  dependencies: StepDependencies,
  grant: LiveGrant,
): Promise<void> {
  const { clock, recorder } = dependencies;
  const ready = { reason: 'NotApproved', message: 'The grant waits for a decision.' };
  const status = pending(grant, describe(grant), ready, clock.now());
  recorder.decisionNeeded(await writeStatus(dependencies, grant, status));
}

/** @throws ProblemError GrantInvalid for a grant that admission would have refused (it came from before, or around it) */
export function describe(grant: LiveGrant): Description {
  const { summary, digest } = grantedAction(grant.spec.action);
  return { summary, actionDigest: digest };
}
