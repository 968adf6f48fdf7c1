/** Asks the exchange for one use. Nothing is sent upstream without its answer. */

import type { Action } from '../core/action/action.ts';
import { ProblemError } from '../core/api/problem.ts';
import { type Backoff, backoffDelay } from '../core/time/backoff.ts';
import type { Clock } from '../core/time/clock.ts';
import { within } from '../core/time/deadline.ts';
import { pause } from '../core/time/pause.ts';
import type { UseAnswer } from '../core/wire/use.ts';
import type { Complete } from './complete.ts';
import { type LentCredential, lentCredential } from './credential/lent-credential.ts';
import { NoAnswerError } from './exchange/answer.ts';
import type { ExchangeClient } from './exchange/client.ts';

/** A consumed grant, ready to be used once. */
export interface Authorization {
  nonce: string;
  grant: UseAnswer['grant'];
  bodyForm: UseAnswer['bodyForm'];
  credential: LentCredential | undefined;
  /** Monotonic ms: nothing is written past it. Counted from before the request was sent, so it is never late. */
  deadline: number;
  /** The same in wall-clock ms, for a machine that sleeps: its monotonic clock stands still. */
  wallDeadline: number;
}

export interface AuthorizeDependencies {
  exchange: ExchangeClient;
  complete: Complete;
  clock: Clock;
  /** One nonce per message, never used again. */
  createNonce(): string;
  /** How long the call may wait for its authorization, ms. */
  waitMilliseconds: number;
  /** From [0, 1). Default Math.random. */
  random?: () => number;
}

/**
 * Tries over two seconds: for about so long after a replica died, the Service may still lead every other new connection to
 * it. Without pauses that grow, all of them would meet the same dead replica.
 */
const MAX_TRIES = 8;
const PAUSE: Backoff = { firstMilliseconds: 50, maximumMilliseconds: 800 };
/** Less time than this is not worth asking with. */
const MIN_WAIT_MILLISECONDS = 50;

/**
 * Tries again, each time with a new nonce, only where it is certain that nothing is in use for this call: the message was
 * never sent, or the controller confirmed that the nonce before was not dispatched, or refused before it consumed.
 * @throws ProblemError
 */
export async function authorize(
  {
    exchange,
    complete,
    clock,
    createNonce,
    waitMilliseconds,
    random = Math.random,
  }: AuthorizeDependencies,
  action: Action,
  signal: AbortSignal,
): Promise<Authorization> {
  const end = clock.monotonic() + waitMilliseconds;
  let last: unknown;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (tries > 0) await pause(clock, backoffDelay(PAUSE, tries, random), signal);
    if (signal.aborted) break;
    const sentAt = clock.monotonic();
    const sentAtWall = clock.now();
    const left = Math.floor(end - sentAt);
    if (left < MIN_WAIT_MILLISECONDS) break;
    const nonce = createNonce();
    try {
      const answer = await exchange.use({ nonce, action, waitMilliseconds: left }, signal);
      if (answer.nonce !== nonce) throw new NoAnswerError(true, 'the answer is for another nonce');
      return {
        nonce,
        grant: answer.grant,
        bodyForm: answer.bodyForm,
        credential: answer.credential && lentCredential(answer.credential),
        deadline: sentAt + answer.timeoutMilliseconds,
        wallDeadline: sentAtWall + answer.timeoutMilliseconds,
      };
    } catch (error) {
      last = error;
      const next = afterFailure(error);
      if (next.giveBack) {
        const givenBack = complete({ nonce, outcome: 'NotDispatched' });
        // Without a confirmation there is no other try; the completion itself goes on for as long as it takes.
        const remaining = Math.max(0, end - clock.monotonic());
        if (next.tryAgain && !(await within(clock, remaining, givenBack, () => false))) {
          throw asRefusal(error);
        }
      }
      if (!next.tryAgain) throw asRefusal(error);
    }
  }
  if (signal.aborted) {
    throw new ProblemError('CallAborted', 'The caller went away before the call was authorized.');
  }
  throw asRefusal(last);
}

/** What a failed try leaves to do: complete the nonce as not dispatched, because it may be consumed, and ask again. */
export function afterFailure(error: unknown): { giveBack: boolean; tryAgain: boolean } {
  if (error instanceof NoAnswerError) return { giveBack: error.sent, tryAgain: true };
  switch (error instanceof ProblemError ? error.code : 'Internal') {
    case 'NotReady':
    case 'UseRaced':
    case 'KubernetesUnavailable':
      return { giveBack: false, tryAgain: true };
    // The consuming write may still land, or has: no other grant may be tried for this call.
    case 'OutcomeAmbiguous':
    case 'Internal':
      return { giveBack: true, tryAgain: false };
    default:
      return { giveBack: false, tryAgain: false };
  }
}

function asRefusal(error: unknown): ProblemError {
  if (error instanceof ProblemError && error.code !== 'RequestMalformed') return error;
  return new ProblemError(
    'ControllerUnavailable',
    'The ActionGrant controller cannot be reached or does not answer, so the call was not made. Try again.',
    { cause: error },
  );
}
