/**
 * Tells the controller that a use has ended, again and again until it has heard. A sidecar that cannot tell it leaves the use
 * to its deadline: the controller then revokes by itself and records Unknown.
 */

import { ProblemError } from '../core/api/problem.ts';
import type { Secret } from '../core/text/secret.ts';
import { type Backoff, backoffDelay } from '../core/time/backoff.ts';
import type { Clock } from '../core/time/clock.ts';
import { pause } from '../core/time/pause.ts';
import type { FinishRequest } from '../core/wire/finish.ts';
import type { GrantReference } from '../core/wire/grant-reference.ts';
import type { Logger } from '../process/log.ts';
import type { ExchangeClient } from './exchange/client.ts';

export interface Completion {
  nonce: string;
  outcome: FinishRequest['outcome'];
  /** Absent if the use request was never answered. */
  grant?: GrantReference;
  responseCode?: number;
  token?: Secret;
  /** Monotonic ms: the use's deadline, if it is known. Until then the credential lives, unless the completion arrives. */
  deadline?: number;
}

/** @returns whether the controller has taken the completion, or knows of no use to end */
export type Complete = (completion: Completion) => Promise<boolean>;

export interface CompleteDependencies {
  exchange: Pick<ExchangeClient, 'finish'>;
  clock: Clock;
  log: Logger;
  /** From [0, 1). Default Math.random. */
  random?: () => number;
}

export interface Completions {
  complete: Complete;
  /** Resolves when none is under way. */
  idle(): Promise<void>;
}

const PAUSE: Backoff = { firstMilliseconds: 100, maximumMilliseconds: 5_000 };
/** A nonce that nobody knows may be one whose use is still being written: asked for so often. */
const UNKNOWN_TRIES = 3;
/** About a minute. After that, and the use's deadline, the controller has closed the use by itself. */
const MAX_TRIES = 16;

export function createCompletions({
  exchange,
  clock,
  log,
  random = Math.random,
}: CompleteDependencies): Completions {
  const underWay = new Set<Promise<boolean>>();

  const carryOut = async (completion: Completion): Promise<boolean> => {
    const { nonce, outcome, grant, deadline = 0 } = completion;
    const request = finishRequest(completion);
    for (let tries = 1; ; tries++) {
      try {
        await exchange.finish(nonce, request);
        return true;
      } catch (error) {
        const pastDeadline = clock.monotonic() >= deadline;
        const next = afterFailure(error, { tries, grantKnown: grant !== undefined, pastDeadline });
        if (next === 'Done') return true;
        if (next === 'GiveUp') {
          const code = error instanceof ProblemError ? error.code : undefined;
          log.error('the outcome of a use could not be reported, so its deadline ends the use', {
            nonce,
            outcome,
            code,
            error: code === undefined ? error : undefined,
          });
          return false;
        }
      }
      await pause(clock, backoffDelay(PAUSE, tries, random));
    }
  };

  return {
    complete(completion) {
      const work = carryOut(completion).finally(() => underWay.delete(work));
      underWay.add(work);
      return work;
    },
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

function finishRequest({ outcome, grant, responseCode, token }: Completion): FinishRequest {
  return {
    outcome,
    ...(grant === undefined ? {} : { grant }),
    ...(responseCode === undefined ? {} : { responseCode }),
    ...(token === undefined ? {} : { credentialToken: token.reveal() }),
  };
}

/**
 * What is left to do after a failed try. `Done`: there is no use to end.
 * @param tries so far, this one included
 */
export function afterFailure(
  error: unknown,
  {
    tries,
    grantKnown,
    pastDeadline,
  }: { tries: number; grantKnown: boolean; pastDeadline: boolean },
): 'Again' | 'Done' | 'GiveUp' {
  if (error instanceof ProblemError) {
    if (error.code === 'UseUnknown' && !grantKnown && tries >= UNKNOWN_TRIES) return 'Done';
    if (!error.retryable) return 'GiveUp';
  }
  return tries >= MAX_TRIES && pastDeadline ? 'GiveUp' : 'Again';
}
