/** One attempt on one grant, top to bottom: issue the credential ▸ consume ▸ record ▸ hand over. */

import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { UseAnswer } from '../../core/wire/use.ts';
import type { ApiAudiences } from '../credentials/api-audiences.ts';
import type { IssuedCredential } from '../credentials/credential-type.ts';
import { issueCredential } from '../credentials/credentials.ts';
import type { GrantCache } from '../grants/cache.ts';
import { type ControllerMetrics, startStage, type UseStage } from '../record/metrics.ts';
import type { GrantRecorder } from '../record/recorder.ts';
import type { Caller } from './caller.ts';
import { consume } from './consume.ts';
import { hasChanged } from './look.ts';
import type { Candidate, FailedAttempt } from './next-step.ts';
import type { TimeLeft } from './time-left.ts';

export interface AttemptDependencies {
  client: KubernetesClient;
  apiServerAudiences: ApiAudiences;
  cache: GrantCache;
  clock: Clock;
  metrics: ControllerMetrics;
  recorder: GrantRecorder;
  /** A random UUID for each try of a consuming write. */
  createAttemptID(): string;
  /** Called with the token of every credential that is handed over, so that its revocation can be confirmed later. */
  handedOver(nonce: string, token: Secret): void;
}

export type AttemptResult = { type: 'HandOver'; answer: UseAnswer } | FailedAttempt;

/** @throws ProblemError UseRaced when the time is over; KubernetesError. Nothing was handed over then */
export async function attempt(
  dependencies: AttemptDependencies,
  { caller, nonce }: { caller: Caller; nonce: string },
  { grant, form }: Candidate,
  left: TimeLeft,
): Promise<AttemptResult> {
  const { client, cache, clock, metrics, recorder } = dependencies;
  const timed = async <T>(stage: UseStage, work: () => Promise<T>): Promise<T> => {
    const stop = startStage(metrics, clock, stage);
    return work().finally(stop);
  };
  let credential: IssuedCredential | undefined;
  try {
    credential = await timed('mint', () => issueCredential(dependencies, grant, left.forStep()));
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'CredentialRefused') throw error;
    // The cache may lag and name a Secret that is gone by now. Only the live grant tells whether that is the reason.
    return (await hasChanged(dependencies, grant, left.forStep()))
      ? { type: 'Conflict' }
      : { type: 'CredentialRefused', problem: error };
  }
  const timeoutMilliseconds = left.forStep();
  const consumption = await timed('consume', () =>
    consume({
      client,
      cache,
      grant,
      nonce,
      attemptID: dependencies.createAttemptID(),
      caller,
      credential,
      now: clock.now(),
      timeoutMilliseconds,
    }),
  );
  if (consumption.type !== 'Consumed') return consumption;
  recorder.consumed(consumption.grant, {
    nonce,
    pod: `${caller.namespace}/${caller.podName}`,
    ...(credential === undefined ? {} : { credentialID: credential.record.id }),
  });
  if (credential !== undefined) dependencies.handedOver(nonce, credential.token);
  const { namespace, name, uid } = grant.metadata;
  return {
    type: 'HandOver',
    answer: {
      nonce,
      grant: { namespace, name, uid },
      bodyForm: form,
      timeoutMilliseconds: grant.spec.timeoutSeconds * 1000,
      ...(credential === undefined
        ? {}
        : {
            credential: {
              token: credential.token.reveal(),
              expirationTime: credential.record.expirationTime,
            },
          }),
    },
  };
}
