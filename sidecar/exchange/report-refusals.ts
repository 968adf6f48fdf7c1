/**
 * Tells the controller what was refused, so that it shows as Events on the pod. A convenience for people: it never delays a
 * call, takes little memory whatever the agent does, and what it cannot tell is counted.
 */

import { type ProblemCode, ProblemError } from '../../core/api/problem.ts';
import { type Backoff, backoffDelay } from '../../core/time/backoff.ts';
import type { Clock } from '../../core/time/clock.ts';
import {
  MAX_REFUSAL_COUNT,
  MAX_REFUSALS_REPORTED,
  type ReportedRefusal,
} from '../../core/wire/refusals.ts';
import type { Logger } from '../../process/log.ts';
import { attempted } from '../describe/attempted.ts';
import type { ExchangeClient } from './client.ts';

export interface RefusedCall {
  code: ProblemCode;
  /** What was tried: the agent's words, of any form and length, without secrets. */
  attempted: string;
}

export interface RefusalReporter {
  /** Never throws and never waits. */
  report(refused: RefusedCall): void;
  /** Reports what there is, once, and takes no more. */
  close(): Promise<void>;
}

export interface RefusalReporterDependencies {
  exchange: Pick<ExchangeClient, 'reportRefusals'>;
  clock: Clock;
  log: Logger;
  /** Counts refusals that are in no report. */
  unreported(count: number): void;
  /** From [0, 1). Default Math.random. */
  random?: () => number;
}

/** From a refusal to its report: others of the same kind join it meanwhile. */
const GATHER_MILLISECONDS = 2_000;
/** Before the first report, and before others while they fail. */
const PAUSE: Backoff = { firstMilliseconds: GATHER_MILLISECONDS, maximumMilliseconds: 60_000 };

/** No rule refused these calls: their end is recorded with the use, or the caller went away by itself. */
const NOT_REFUSED: ReadonlySet<ProblemCode> = new Set([
  'CallAborted',
  'DeadlineExceeded',
  'Internal',
  'UpstreamProtocolError',
  'UpstreamUnreachable',
  'UpstreamUnresolved',
]);

export function createRefusalReporter({
  exchange,
  clock,
  log,
  unreported,
  random = Math.random,
}: RefusalReporterDependencies): RefusalReporter {
  const gathered = new Map<string, ReportedRefusal>();
  let timer: { cancel(): void } | undefined;
  let sending: Promise<void> | undefined;
  /** In a row. */
  let failures = 0;
  let closed = false;

  const add = (refusal: ReportedRefusal): void => {
    const key = `${refusal.code} ${refusal.attempted}`;
    const before = gathered.get(key);
    if (before === undefined && gathered.size >= MAX_REFUSALS_REPORTED) {
      unreported(refusal.count);
      return;
    }
    const sum = (before?.count ?? 0) + refusal.count;
    if (sum > MAX_REFUSAL_COUNT) unreported(sum - MAX_REFUSAL_COUNT);
    gathered.set(key, { ...refusal, count: Math.min(sum, MAX_REFUSAL_COUNT) });
  };

  const send = async (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    const refusals = [...gathered.values()];
    gathered.clear();
    if (refusals.length === 0) return;
    try {
      await exchange.reportRefusals({ refusals });
      failures = 0;
    } catch (error) {
      const final = error instanceof ProblemError && !error.retryable;
      log.debug('refusals could not be reported', {
        code: error instanceof ProblemError ? error.code : undefined,
      });
      if (final || closed) unreported(total(refusals));
      else for (const refusal of refusals) add(refusal);
      failures += 1;
    }
  };

  const schedule = (): void => {
    if (timer !== undefined || sending !== undefined || closed || gathered.size === 0) return;
    timer = clock.after(backoffDelay(PAUSE, failures + 1, random), () => {
      sending = send().finally(() => {
        sending = undefined;
        schedule();
      });
    });
  };

  return {
    report({ code, attempted: words }) {
      if (NOT_REFUSED.has(code)) return;
      if (closed) return unreported(1);
      add({ code, attempted: attempted(words), count: 1 });
      schedule();
    },
    async close() {
      closed = true;
      await sending;
      await send();
    },
  };
}

function total(refusals: readonly ReportedRefusal[]): number {
  return refusals.reduce((sum, { count }) => sum + count, 0);
}
