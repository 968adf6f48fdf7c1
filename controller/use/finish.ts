/** The end of a use: revoke, then record, then confirm. Repeating it changes nothing. */

import type { BoundCredential, Use } from '../../core/api/generated/actiongrant.ts';
import { attemptsUsed, currentUse } from '../../core/api/grant.ts';
import { MAX_ATTEMPTS } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { FinishAnswer, FinishRequest } from '../../core/wire/finish.ts';
import {
  createBoundSecret,
  deleteBoundSecret,
  type SecretDependencies,
} from '../credentials/bound-secret.ts';
import type { Confirmer } from '../credentials/confirm.ts';
import { type GrantCache, grantOfNonce } from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { type Ending, finished, givenBack } from '../grants/transitions.ts';
import { writeStatus } from '../grants/write-status.ts';
import { unavailable } from '../kubernetes-unavailable.ts';
import type { ControllerMetrics } from '../record/metrics.ts';
import type { Reporter } from '../record/recorder.ts';
import type { Caller } from './caller.ts';

export interface FinishDependencies extends SecretDependencies {
  cache: GrantCache;
  clock: Clock;
  metrics: ControllerMetrics;
  reporter: Reporter;
  confirmer: Confirmer;
}

export interface FinishHandler {
  /** @throws ProblemError */
  finish(caller: Caller, nonce: string, report: FinishRequest): Promise<FinishAnswer>;
}

const MAX_CONFLICTS = 8;

export function createFinishHandler(dependencies: FinishDependencies): FinishHandler {
  const { client, cache, clock, metrics, reporter, confirmer } = dependencies;

  const finishOnce = async (
    caller: Caller,
    report: FinishRequest,
    grant: LiveGrant,
    use: Use,
  ): Promise<FinishAnswer | 'Conflict'> => {
    if (use.podUID !== caller.podUID) {
      throw new ProblemError('UseNotYours', 'This use belongs to another pod.');
    }
    const token =
      report.credentialToken === undefined ? undefined : new Secret(report.credentialToken);
    // A late report of an earlier attempt must not touch a later one.
    if (currentUse(grant)?.id !== use.id) {
      // Closed by somebody else, or by a write of ours whose answer was lost: the token can still be asked about.
      if (use.credential !== undefined && use.credential.rejectedTime === undefined) {
        confirmer.confirm(grant, use.id, token);
      }
      return {
        phase: grant.status?.phase ?? 'Pending',
        ...(use.outcome === undefined ? {} : { outcome: use.outcome }),
      };
    }
    const start = clock.monotonic();
    const ending = await revoke(grant, use, report);
    metrics.useStage.observe({ stage: 'revoke' }, (clock.monotonic() - start) / 1000);
    const attempts = attemptsUsed(grant) + 1;
    const again = report.outcome === 'NotDispatched' && attempts < MAX_ATTEMPTS;
    const written = again ? await giveBack(grant, ending, attempts) : await record(grant, ending);
    if (written === 'Conflict') return written;
    cache.observe(written);
    reporter.used(written, {
      nonce: use.id,
      outcome: report.outcome,
      ...(report.outcome === 'Unknown' ? { reason: 'the sidecar could not tell' } : {}),
      ...(report.responseCode === undefined ? {} : { responseCode: report.responseCode }),
    });
    if (use.credential !== undefined) confirmer.confirm(written, use.id, token);
    return { phase: written.status?.phase ?? 'Finished', outcome: report.outcome };
  };

  const revoke = async (grant: LiveGrant, use: Use, report: FinishRequest): Promise<Ending> => {
    const ending: Ending = {
      outcome: report.outcome,
      ...(report.responseCode === undefined ? {} : { responseCode: report.responseCode }),
    };
    if (use.credential === undefined) return ending;
    try {
      await deleteBoundSecret(client, grant.metadata.namespace, use.credential);
    } catch (error) {
      reporter.revoked(grant, 'Failed', { nonce: use.id, error });
      throw error;
    }
    return { ...ending, deletedTime: clock.now() };
  };

  const record = async (grant: LiveGrant, ending: Ending): Promise<LiveGrant | 'Conflict'> =>
    swap(grant, () => finished(grant, ending, clock.now()));

  const giveBack = async (
    grant: LiveGrant,
    ending: Ending,
    attempts: number,
  ): Promise<LiveGrant | 'Conflict'> => {
    let credential: BoundCredential | undefined;
    try {
      credential = await createBoundSecret(dependencies, grant, attempts);
    } catch (error) {
      // The account is gone, or the Secret may not be: the grant cannot be made usable again, so its end is recorded instead.
      if (error instanceof ProblemError || isKubernetesError(error, 'Forbidden', 'Invalid')) {
        return record(grant, ending);
      }
      throw error;
    }
    const written = await swap(grant, () => givenBack(grant, ending, credential, clock.now()));
    if (written === 'Conflict' && credential !== undefined) {
      // Nobody names this Secret. An ambiguous write that may still land is not a Conflict: then it is kept.
      await deleteBoundSecret(client, grant.metadata.namespace, credential);
    }
    return written;
  };

  const swap = async (
    grant: LiveGrant,
    next: () => Parameters<typeof writeStatus>[2],
  ): Promise<LiveGrant | 'Conflict'> => {
    try {
      return await writeStatus(client, grant, next());
    } catch (error) {
      if (isKubernetesError(error, 'Conflict')) return 'Conflict';
      throw error;
    }
  };

  /** The grant that this nonce was used on: from the cache, or live where the cache does not have it in use. */
  const find = async (
    caller: Caller,
    nonce: string,
    report: FinishRequest,
    live: boolean,
  ): Promise<{ grant: LiveGrant; use: Use }> => {
    const known = grantOfNonce(cache, nonce);
    // The report says which grant its credential was of: no other is ended by it.
    const cached =
      report.grant === undefined || known?.metadata.uid === report.grant.uid ? known : undefined;
    const found =
      !live && cached !== undefined ? cached : await readLive(caller, nonce, report, cached);
    const use = found?.status?.uses?.find(({ id }) => id === nonce);
    if (found === undefined || use === undefined) {
      throw new ProblemError(
        'UseUnknown',
        'nonce: no grant names a use with this nonce; if its use request was never answered, it consumed nothing so far.',
        { field: 'nonce' },
      );
    }
    return { grant: found, use };
  };

  const readLive = async (
    caller: Caller,
    nonce: string,
    report: FinishRequest,
    cached: LiveGrant | undefined,
  ): Promise<LiveGrant | undefined> => {
    const reference = report.grant ?? cached?.metadata;
    if (reference !== undefined) {
      const { namespace, name, uid } = reference;
      try {
        const grant = await client.get(actionGrants, {
          ...(namespace === undefined ? {} : { namespace }),
          name,
        });
        cache.observe(grant);
        return grant.metadata.uid === uid ? grant : undefined;
      } catch (error) {
        if (isKubernetesError(error, 'NotFound')) return undefined;
        throw error;
      }
    }
    // The sidecar never got an answer, so it cannot name the grant. Cluster-wide: the grant may be in another namespace.
    const { items } = await client.list(actionGrants, {
      fieldSelector: `spec.agent.serviceAccountName=${caller.serviceAccountName},status.phase=InUse`,
    });
    return items.find((grant) => currentUse(grant)?.id === nonce);
  };

  return {
    async finish(caller, nonce, report) {
      try {
        for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
          const { grant, use } = await find(caller, nonce, report, conflicts > 0);
          const answer = await finishOnce(caller, report, grant, use);
          if (answer !== 'Conflict') return answer;
        }
      } catch (error) {
        throw unavailable(error);
      }
      throw new ProblemError('UseRaced', 'The grant kept changing; try again.');
    },
  };
}
