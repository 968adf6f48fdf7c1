/**
 * How much of calls' content may be in memory at once. Every limit of a single call is multiplied by as many calls as a
 * client cares to start, so without a common bound one agent could end the process for every container of its pod.
 */

import { ProblemError } from '../../core/api/problem.ts';

export class MemoryBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** What one call holds; to be released when the call is over, however it ends. */
  hold(): MemoryHold {
    let held = 0;
    const tryTake = (bytes: number): boolean => {
      if (bytes > this.#left) return false;
      this.#left -= bytes;
      held += bytes;
      return true;
    };
    return {
      tryTake,
      take(bytes) {
        if (tryTake(bytes)) return;
        throw new ProblemError(
          'TooManyRequests',
          'Other calls of this pod take up all the memory that there is for bodies. Try again.',
          { field: 'body' },
        );
      },
      release: () => {
        this.#left += held;
        held = 0;
      },
    };
  }
}

export interface MemoryHold {
  /** Whether so much was left; if not, nothing is taken. */
  tryTake(bytes: number): boolean;
  /** @throws ProblemError TooManyRequests if so much is not left */
  take(bytes: number): void;
  release(): void;
}
