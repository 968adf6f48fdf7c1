/** Answers calls, whatever protocol they came over, and only so many at a time. */

import { ProblemError } from '../../core/api/problem.ts';
import type { CallHandler, InterceptedCall } from './call.ts';
import type { InterceptObserver } from './event.ts';
import type { InterceptLimits } from './limits.ts';
import { refuse } from './refusal.ts';

export class CallServer {
  readonly #handle: CallHandler;
  readonly #maximum: number;
  readonly #onEvent: InterceptObserver;
  #underWay = 0;

  constructor(
    handle: CallHandler,
    { calls }: Pick<InterceptLimits, 'calls'>,
    onEvent: InterceptObserver,
  ) {
    this.#handle = handle;
    this.#maximum = calls;
    this.#onEvent = onEvent;
  }

  /** Whether there are as many calls as there may be. */
  get full(): boolean {
    return this.#underWay >= this.#maximum;
  }

  /** Answers a call, unless its head has a problem already: then with that. Never rejects. */
  async serve(call: InterceptedCall, problem?: ProblemError): Promise<void> {
    const excessive = this.full;
    this.#underWay += 1;
    try {
      if (excessive) throw tooManyCalls();
      if (problem !== undefined) throw problem;
      await this.#handle(call);
      if (!call.respond.finished && !call.signal.aborted) {
        throw new Error('the handler returned without an answer');
      }
    } catch (error) {
      await this.#fail(call, error);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #fail({ respond, signal }: InterceptedCall, error: unknown): Promise<void> {
    if (signal.aborted) return respond.abort();
    if (!(error instanceof ProblemError)) this.#onEvent({ type: 'HandlerFailed', error });
    await refuse(respond, error).catch((cause: unknown) => {
      this.#onEvent({ type: 'HandlerFailed', error: cause });
      respond.abort();
    });
  }
}

function tooManyCalls(): ProblemError {
  return new ProblemError(
    'TooManyRequests',
    'Too many calls of this pod are under way. Try again.',
  );
}
