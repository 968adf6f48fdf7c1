/**
 * Reports the end of a use, again and again until the controller has it. A sidecar that cannot report leaves the use to its
 * deadline: the controller then revokes by itself and records Unknown.
 */

import { ProblemError } from '../core/api/problem.ts';
import type { Secret } from '../core/text/secret.ts';
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
  /** Monotonic ms: the use's deadline, if it is known. Until then the credential lives, unless the report arrives. */
  deadline?: number;
}

/** @returns whether the controller has taken the report, or knows of no use to end */
export type Complete = (completion: Completion) => Promise<boolean>;

export interface CompleteDependencies {
  exchange: Pick<ExchangeClient, 'finish'>;
  clock: Clock;
  log: Logger;
}

export interface Reporter {
  complete: Complete;
  /** Resolves when no report is under way. */
  idle(): Promise<void>;
}

const FIRST_PAUSE_MILLISECONDS = 100;
const MAX_PAUSE_MILLISECONDS = 5_000;
/** A nonce that nobody knows may be one whose use is still being written: asked for so often. */
const UNKNOWN_TRIES = 3;
/** About a minute. After that, and the use's deadline, the controller has closed the use by itself. */
const MAX_TRIES = 16;

export function createReporter({ exchange, clock, log }: CompleteDependencies): Reporter {
  const underWay = new Set<Promise<boolean>>();

  const report = async (completion: Completion): Promise<boolean> => {
    const { nonce, outcome, grant, responseCode, token, deadline = 0 } = completion;
    const request: FinishRequest = {
      outcome,
      ...(grant === undefined ? {} : { grant }),
      ...(responseCode === undefined ? {} : { responseCode }),
      ...(token === undefined ? {} : { credentialToken: token.reveal() }),
    };
    let wait = FIRST_PAUSE_MILLISECONDS;
    for (let tries = 1; ; tries++) {
      try {
        await exchange.finish(nonce, request);
        return true;
      } catch (error) {
        const code = error instanceof ProblemError ? error.code : undefined;
        if (code === 'UseUnknown' && grant === undefined && tries >= UNKNOWN_TRIES) return true;
        const final = error instanceof ProblemError && !error.retryable;
        if (final || (tries >= MAX_TRIES && clock.monotonic() >= deadline)) {
          log.error('the end of a use could not be reported; its deadline closes it', {
            nonce,
            outcome,
            code,
            error: code === undefined ? error : undefined,
          });
          return false;
        }
      }
      await pause(clock, wait);
      wait = Math.min(2 * wait, MAX_PAUSE_MILLISECONDS);
    }
  };

  return {
    complete(completion) {
      const work = report(completion).finally(() => underWay.delete(work));
      underWay.add(work);
      return work;
    },
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
