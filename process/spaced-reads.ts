/**
 * Reads from a server whose number the callers decide, and whose cost must not grow with it: reads of one subject are shared
 * and spaced, and only so many run at a time in total.
 */

import type { Clock } from '../core/time/clock.ts';
import { pause } from '../core/time/pause.ts';
import { Semaphore } from './semaphore.ts';

/** Time from one read of a subject to the next, at least. */
const INTERVAL_MILLISECONDS = 100;
/** A read of a lot costs the server a lot. After it, the next one waits so many times its duration… */
const REST_FACTOR = 4;
/** …but never so long that those who wait for it give up. A read that lasted because a server was away cost little. */
const LONGEST_REST_MILLISECONDS = 1_000;
/** Subjects remembered; of those that nobody waits for, the one that was asked for longest ago is forgotten first. */
const MAX_SUBJECTS = 10_000;

export interface SpacedReads<S, R> {
  /** What a read that began after this call has found. @throws what the read throws */
  read(key: string, subject: S): Promise<R>;
}

export interface SpacedReadsOptions<S, R> {
  clock: Clock;
  /** Reads under way at a time, of all subjects together. */
  atOnce: number;
  read(subject: S): Promise<R>;
}

interface Reads<R> {
  startedAt: number;
  /** Of the last read, ms. */
  duration: number;
  /** The read that has not started: who comes now may join it. One that runs may have read before they came. */
  waiting: Promise<R> | undefined;
}

export function createSpacedReads<S, R>(options: SpacedReadsOptions<S, R>): SpacedReads<S, R> {
  const { clock, atOnce } = options;
  const subjects = new Map<string, Reads<R>>();
  const permits = new Semaphore(atOnce);

  const turn = async ({ startedAt, duration }: Reads<R>): Promise<void> => {
    const rest = Math.min(REST_FACTOR * duration, LONGEST_REST_MILLISECONDS);
    const left = startedAt + Math.max(INTERVAL_MILLISECONDS, duration + rest) - clock.monotonic();
    if (left > 0) await pause(clock, left);
  };

  const readInTurn = async (reads: Reads<R>, subject: S): Promise<R> => {
    await turn(reads);
    const release = await permits.acquire();
    reads.startedAt = clock.monotonic();
    reads.waiting = undefined;
    try {
      return await options.read(subject);
    } finally {
      reads.duration = clock.monotonic() - reads.startedAt;
      release();
    }
  };

  return {
    read(key, subject) {
      const reads = subjects.get(key) ?? {
        startedAt: Number.NEGATIVE_INFINITY,
        duration: 0,
        waiting: undefined,
      };
      subjects.delete(key);
      subjects.set(key, reads);
      if (subjects.size > MAX_SUBJECTS) forgetOne(subjects);
      // `readInTurn` never gets as far as to clear `waiting` synchronously, so it is set before that.
      reads.waiting ??= readInTurn(reads, subject);
      return reads.waiting;
    },
  };
}

function forgetOne<R>(subjects: Map<string, Reads<R>>): void {
  for (const [oldest, { waiting }] of subjects) {
    if (waiting !== undefined) continue;
    subjects.delete(oldest);
    return;
  }
}
