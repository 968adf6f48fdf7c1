/** Work that is repeated in the background until it is stopped. */

import type { Clock } from '../core/time/clock.ts';

export interface BackgroundLoopOptions {
  /** Never rejects. @returns in how many ms the next round is due */
  round(): Promise<number>;
  clock: Clock;
  /** From [0, 1), to spread replicas in time: by a quarter either way. */
  random: () => number;
}

export interface BackgroundLoop {
  /** Begins with a round now. */
  start(): void;
  /** Begins with a round in about so long. */
  startIn(milliseconds: number): void;
  /** No further round begins; resolves once the one under way has ended, so that what it uses may be closed. */
  stop(): Promise<void>;
}

export function createBackgroundLoop({
  round,
  clock,
  random,
}: BackgroundLoopOptions): BackgroundLoop {
  let timer: { cancel(): void } | undefined;
  let underWay = Promise.resolve();
  let stopped = false;

  const start = (): void => {
    underWay = round().then(startIn);
  };
  const startIn = (milliseconds: number): void => {
    if (!stopped) timer = clock.after(milliseconds * (0.75 + random() / 2), start);
  };

  return {
    start,
    startIn,
    stop() {
      stopped = true;
      timer?.cancel();
      return underWay;
    },
  };
}
