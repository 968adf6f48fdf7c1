/** One use: looks, decides what is next, and does it, until the grant is handed over or the call is refused. */

import { within } from '../../core/time/deadline.ts';
import type { UseAnswer, UseRequest } from '../../core/wire/use.ts';
import { grantOfNonce } from '../grants/cache.ts';
import { unavailable } from '../kubernetes-unavailable.ts';
import { startStage } from '../record/metrics.ts';
import { type AttemptDependencies, type AttemptResult, attempt } from './attempt.ts';
import type { Caller } from './caller.ts';
import type { Freshener } from './freshen.ts';
import { hasChanged, matchGrants, nearGrants, otherGrants } from './look.ts';
import type { CallFacts } from './match.ts';
import {
  type Candidate,
  NOTHING_TRIED,
  nextStep,
  type Progress,
  type View,
  withAttempt,
} from './next-step.ts';
import { alreadyUsed, timeIsOver } from './refusals.ts';
import { type TimeLeft, timeLeft } from './time-left.ts';

export interface UseDependencies extends AttemptDependencies {
  freshener: Freshener;
  acceptsGrantsFrom: CallFacts['acceptsGrantsFrom'];
}

export interface UseHandler {
  /**
   * @param abandoned fires when the sidecar no longer waits: nothing is consumed after that
   * @throws ProblemError
   */
  use(caller: Caller, request: UseRequest, abandoned: AbortSignal): Promise<UseAnswer>;
}

export function createUseHandler(dependencies: UseDependencies): UseHandler {
  const { cache, freshener, clock, metrics } = dependencies;
  /** Grants that a call of this replica is trying now, by UID: another call waits instead of minting in vain. */
  const inFlight = new Map<string, Promise<unknown>>();
  /** Nonces seen here that no status has yet: a repeated message must not start a second use. */
  const noncesInWork = new Set<string>();

  const look = (caller: Caller, request: UseRequest): View => {
    const stop = startStage(metrics, clock, 'match');
    const found = matchGrants(dependencies, caller, request, clock.now());
    stop();
    return {
      ...found,
      nonceIsUsed: grantOfNonce(cache, request.nonce) !== undefined,
      isBeingTried: ({ metadata }) => inFlight.has(metadata.uid),
      others: () => otherGrants(dependencies, caller, request),
      nearest: () => nearGrants(dependencies, caller, request, clock.now()),
    };
  };

  /** Alone on this grant, in this replica. */
  const tryAlone = async (
    caller: Caller,
    { nonce }: UseRequest,
    candidate: Candidate,
    left: TimeLeft,
  ): Promise<AttemptResult> => {
    const { uid } = candidate.grant.metadata;
    const work = attempt(dependencies, { caller, nonce }, candidate, left);
    inFlight.set(
      uid,
      work.catch(() => undefined),
    );
    try {
      return await work;
    } finally {
      inFlight.delete(uid);
    }
  };

  const run = async (
    caller: Caller,
    request: UseRequest,
    abandoned: AbortSignal,
  ): Promise<UseAnswer> => {
    const left = timeLeft(clock, request.waitMilliseconds, abandoned);
    /** Waits for others' work, but no longer than the caller does. */
    const inTime = (work: Promise<unknown>): Promise<unknown> =>
      within(clock, left.milliseconds(), work, () => {
        throw timeIsOver();
      });
    let progress: Progress = NOTHING_TRIED;
    for (;;) {
      const step = nextStep(progress, () => look(caller, request), left.milliseconds());
      switch (step.type) {
        case 'Try': {
          const result = await tryAlone(caller, request, step.candidate, left);
          if (result.type === 'HandOver') return result.answer;
          if (result.type === 'Ambiguous') metrics.ambiguousWrites.inc();
          if (result.type === 'Conflict') metrics.consumeConflicts.inc();
          progress = withAttempt(progress, step.candidate.grant, result);
          break;
        }
        case 'WaitFor':
          await inTime(inFlight.get(step.grant.metadata.uid) ?? Promise.resolve());
          break;
        case 'LookAgain':
          await hasChanged(dependencies, step.grant, left.forStep());
          progress = { ...progress, lost: undefined };
          break;
        case 'Freshen':
          await inTime(freshener.freshen(caller));
          progress = { ...progress, fresh: true };
          break;
        case 'Refuse':
          throw step.problem;
      }
    }
  };

  return {
    async use(caller, request, abandoned) {
      if (noncesInWork.has(request.nonce)) throw alreadyUsed();
      noncesInWork.add(request.nonce);
      try {
        return await run(caller, request, abandoned);
      } catch (error) {
        throw unavailable(error);
      } finally {
        noncesInWork.delete(request.nonce);
      }
    },
  };
}
