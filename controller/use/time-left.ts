/** How long a call's sidecar still waits for its answer: nothing is begun or consumed after that. */

import type { Clock } from '../../core/time/clock.ts';
import { MIN_STEP_MILLISECONDS } from './next-step.ts';
import { timeIsOver } from './refusals.ts';

export interface TimeLeft {
  /** In ms; none once the caller has gone. */
  milliseconds(): number;
  /** As `milliseconds`, for the time-out of a step. @throws ProblemError UseRaced if too little is left to begin one */
  forStep(): number;
}

/** Counts from now. @param abandoned fires when the caller has gone */
export function timeLeft(clock: Clock, waitMilliseconds: number, abandoned: AbortSignal): TimeLeft {
  const end = clock.monotonic() + waitMilliseconds;
  const milliseconds = (): number => (abandoned.aborted ? 0 : end - clock.monotonic());
  return {
    milliseconds,
    forStep() {
      const left = milliseconds();
      if (left < MIN_STEP_MILLISECONDS) throw timeIsOver();
      return left;
    },
  };
}
