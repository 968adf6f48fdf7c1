/** The end of a use: revoke, then record, then confirm. Repeating it changes nothing. */

import type { BoundCredential, Use } from '../../core/api/generated/actiongrant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { FinishAnswer, FinishRequest } from '../../core/wire/finish.ts';
import type { Confirmer } from '../credentials/confirm.ts';
import type { PrepareDependencies } from '../credentials/credential-type.ts';
import { prepareCredential, revokePrepared, revokeUse } from '../credentials/credentials.ts';
import type { GrantCache } from '../grants/cache.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { type Ending, finished, givenBack } from '../grants/transitions.ts';
import { trySwap, whileConflicts } from '../grants/write-status.ts';
import { unavailable } from '../kubernetes-unavailable.ts';
import { type ControllerMetrics, startStage } from '../record/metrics.ts';
import type { GrantRecorder } from '../record/recorder.ts';
import type { Caller } from './caller.ts';
import { createUseFinder, mayEndOpenUse, type UseReport } from './find-use.ts';
import { finishStep } from './finish-step.ts';
import type { Freshener } from './freshen.ts';

export interface FinishDependencies extends PrepareDependencies {
  cache: GrantCache;
  clock: Clock;
  metrics: ControllerMetrics;
  recorder: GrantRecorder;
  confirmer: Pick<Confirmer, 'confirm'>;
  /** Of grants in use. */
  freshener: Freshener;
}

export interface FinishHandler {
  /** Whether the report may end a use that is under way for the caller: then it must not wait for anything. */
  mayEndOpenUse(caller: Caller, nonce: string, report: FinishRequest): boolean;
  /** A report that is repeated while the first one is worked on gets the answer of that one. @throws ProblemError */
  finish(caller: Caller, nonce: string, report: FinishRequest): Promise<FinishAnswer>;
}

/** How often a lost compare-and-swap is answered with another look. */
const MAX_CONFLICTS = 8;

export function createFinishHandler(dependencies: FinishDependencies): FinishHandler {
  const finder = createUseFinder(dependencies);
  /** Reports that are worked on: to repeat one costs no further write. */
  const underWay = new Map<string, Promise<FinishAnswer>>();

  const carryOut = async (reported: UseReport): Promise<FinishAnswer> => {
    const answer = await whileConflicts(MAX_CONFLICTS, async (live) => {
      const { grant, use } = await finder.find(reported, live);
      return end(dependencies, reported, grant, use);
    }).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (answer !== undefined) return answer;
    throw new ProblemError('UseRaced', 'The grant kept changing; try again.');
  };

  return {
    mayEndOpenUse: (caller, nonce, report) =>
      mayEndOpenUse(dependencies.cache, { caller, nonce, report }),
    finish(caller, nonce, report) {
      const key = [caller.podUID, nonce, report.grant?.uid].join('/');
      const known = underWay.get(key);
      if (known !== undefined) return known;
      const work = carryOut({ caller, nonce, report }).finally(() => underWay.delete(key));
      underWay.set(key, work);
      return work;
    },
  };
}

async function end(
  dependencies: FinishDependencies,
  { caller, report }: UseReport,
  grant: LiveGrant,
  use: Use,
): Promise<FinishAnswer | 'Conflict'> {
  const { recorder, confirmer } = dependencies;
  const { outcome, responseCode } = report;
  const token =
    report.credentialToken === undefined ? undefined : new Secret(report.credentialToken);
  const step = finishStep(grant, use, caller, outcome);
  switch (step.type) {
    case 'NotYours':
      throw new ProblemError('UseNotYours', 'This use belongs to another pod.');
    case 'Late':
      if (step.confirm) confirmer.confirm(grant, use.id, token);
      return {
        phase: grant.status?.phase ?? 'Pending',
        ...(use.outcome === undefined ? {} : { outcome: use.outcome }),
      };
    case 'GiveBack':
    case 'Close': {
      const ending: Ending = {
        outcome,
        ...(responseCode === undefined ? {} : { responseCode }),
        ...(await revoke(dependencies, grant, use)),
      };
      const written =
        step.type === 'GiveBack'
          ? await giveBack(dependencies, grant, ending, step.attempt)
          : await close(dependencies, grant, ending);
      if (written === 'Conflict') return written;
      recorder.used(written, {
        nonce: use.id,
        outcome,
        ...(outcome === 'Unknown' ? { reason: whyUnknown(responseCode) } : {}),
        ...(responseCode === undefined ? {} : { responseCode }),
      });
      if (use.credential !== undefined) confirmer.confirm(written, use.id, token);
      return { phase: written.status?.phase ?? 'Finished', outcome };
    }
  }
}

/** A sidecar that had an answer and still cannot tell has cut that answer at the deadline. */
function whyUnknown(responseCode: number | undefined): string {
  return responseCode === undefined
    ? 'the sidecar could not tell'
    : `the service answered ${responseCode}, and the answer was cut at timeoutSeconds`;
}

/** @returns what the status may say of it */
async function revoke(
  dependencies: FinishDependencies,
  grant: LiveGrant,
  use: Use,
): Promise<Pick<Ending, 'deletedTime'>> {
  const { clock, metrics, recorder } = dependencies;
  const stop = startStage(metrics, clock, 'revoke');
  try {
    const revoked = await revokeUse(dependencies, grant, use);
    stop();
    return revoked;
  } catch (error) {
    recorder.revoked(grant, 'Failed', { nonce: use.id, error });
    throw error;
  }
}

function close(
  dependencies: FinishDependencies,
  grant: LiveGrant,
  ending: Ending,
): Promise<LiveGrant | 'Conflict'> {
  return trySwap(dependencies, grant, finished(grant, ending, dependencies.clock.now()));
}

async function giveBack(
  dependencies: FinishDependencies,
  grant: LiveGrant,
  ending: Ending,
  attempt: number,
): Promise<LiveGrant | 'Conflict'> {
  let credential: BoundCredential | undefined;
  try {
    credential = await prepareCredential(dependencies, grant, attempt);
  } catch (error) {
    // The account is gone, or the Secret may not be created. The grant cannot be made usable again, so its end is recorded.
    if (error instanceof ProblemError || isKubernetesError(error, 'Forbidden', 'Invalid')) {
      return close(dependencies, grant, ending);
    }
    throw error;
  }
  const status = givenBack(grant, ending, credential, dependencies.clock.now());
  const written = await trySwap(dependencies, grant, status);
  // No status names what was prepared. An ambiguous write may still land and name it, so it is kept then.
  if (written === 'Conflict') await revokePrepared(dependencies.client, grant, credential);
  return written;
}
