/** Leader election over a Lease (coordination.k8s.io/v1), by the rules of client-go's leaderelection. */

import type { Clock } from '../time/clock.ts';
import { pause } from '../time/pause.ts';
import { createLeaseLock, type LeaseLockOptions } from './lease-lock.ts';

export interface LeaseElectionOptions
  extends Pick<LeaseLockOptions, 'client' | 'namespace' | 'name' | 'identity'> {
  clock: Clock;
  /** How long other candidates wait after the last renewal they saw. Default 15 s. */
  leaseDurationMilliseconds?: number;
  /** A leader that could not renew for this long stops leading. Default 10 s. */
  renewDeadlineMilliseconds?: number;
  /** Default 2 s, jittered up to × 1.2. */
  retryPeriodMilliseconds?: number;
  /** In [0, 1). Default Math.random. */
  random?: () => number;
  /** The signal fires when leadership is lost. A rejection gives leadership up. */
  onStartedLeading(signal: AbortSignal): void | Promise<void>;
  onStoppedLeading(): void;
  report: (report: LeaseElectionReport) => void;
}

export type LeaseElectionReport =
  | { type: 'LeaderObserved'; identity: string }
  | { type: 'StartedLeading' }
  | { type: 'StoppedLeading'; reason: LossReason }
  | { type: 'AttemptFailed' | 'LeaderFailed' | 'ReleaseFailed'; error: unknown };

export type LossReason = 'RenewDeadline' | 'TakenOver' | 'Stopped' | 'LeaderFailed';

export interface LeaseElection {
  start(): void;
  /** Stops leading, waits for the leader's work, then releases the Lease for the next one. */
  stop(): Promise<void>;
  isLeader(): boolean;
  /** The holder last seen, ourselves included; undefined when there was none. */
  leader(): string | undefined;
}

const JITTER_FACTOR = 1.2;

/** One time as leader, from its beginning to its loss. */
interface Term {
  readonly losing: AbortController;
  /** Settles when the leader's work has ended. */
  work: Promise<void>;
  deadline: { cancel(): void };
  failed: boolean;
}

/** @throws RangeError for times with which two candidates would lead at once */
export function createLeaseElection(options: LeaseElectionOptions): LeaseElection {
  const { clock, identity, random = Math.random, report } = options;
  const { leaseDurationMilliseconds, renewDeadlineMilliseconds, retryPeriodMilliseconds } =
    timesOf(options);
  const lock = createLeaseLock({
    ...options,
    leaseDurationMilliseconds,
    // Short enough for a second try before the deadline.
    callTimeoutMilliseconds: renewDeadlineMilliseconds / 2,
    onHolder: (holder) => report({ type: 'LeaderObserved', identity: holder }),
  });
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let term: Term | undefined;

  const lose = (lost: Term, reason: LossReason): void => {
    if (lost.losing.signal.aborted) return;
    lost.deadline.cancel();
    lost.losing.abort();
    report({ type: 'StoppedLeading', reason });
    options.onStoppedLeading();
  };

  const lead = async (current: Term): Promise<void> => {
    try {
      await options.onStartedLeading(current.losing.signal);
    } catch (error) {
      report({ type: 'LeaderFailed', error });
      current.failed = true;
      lose(current, 'LeaderFailed');
    }
  };

  const beginTerm = (): Term => {
    const begun: Term = {
      losing: new AbortController(),
      work: Promise.resolve(),
      deadline: { cancel() {} },
      failed: false,
    };
    term = begun;
    report({ type: 'StartedLeading' });
    begun.work = lead(begun);
    return begun;
  };

  /** This candidate holds the Lease by a write that it began at `since`: nobody counts from earlier. */
  const hold = (since: number): void => {
    const remaining = since + renewDeadlineMilliseconds - clock.monotonic();
    if (remaining <= 0) return;
    const current = term ?? beginTerm();
    current.deadline.cancel();
    current.deadline = clock.after(remaining, () => lose(current, 'RenewDeadline'));
  };

  const attempt = async (): Promise<void> => {
    const began = clock.monotonic();
    try {
      const held = await lock.acquireOrRenew();
      if (held && !stopping.signal.aborted) hold(began);
      else if (!held && term) lose(term, 'TakenOver');
    } catch (error) {
      // A leader goes on until its deadline; every candidate tries again.
      if (!stopping.signal.aborted) report({ type: 'AttemptFailed', error });
    }
  };

  const releaseIfHeld = async (): Promise<void> => {
    if (lock.holder() !== identity) return;
    await lock.release().catch((error: unknown) => report({ type: 'ReleaseFailed', error }));
  };

  const endTerm = async (ended: Term): Promise<void> => {
    await ended.work;
    term = undefined;
    // Where it failed it may fail again: another candidate shall try.
    if (ended.failed) await releaseIfHeld();
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await attempt();
      // A lost term's work must have ended before the next one begins here.
      if (term?.losing.signal.aborted) await endTerm(term);
      if (stopping.signal.aborted) break;
      const jitter = 1 + random() * (JITTER_FACTOR - 1);
      await pause(clock, retryPeriodMilliseconds * jitter, stopping.signal);
    }
    if (term) {
      lose(term, 'Stopped');
      await endTerm(term);
    }
    await releaseIfHeld();
  };

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    isLeader: () => term !== undefined && !term.losing.signal.aborted,
    leader: lock.holder,
  };
}

/** The times of an election. @throws RangeError unless they keep client-go's conditions: without them two would lead by plan */
function timesOf({
  leaseDurationMilliseconds = 15_000,
  renewDeadlineMilliseconds = 10_000,
  retryPeriodMilliseconds = 2_000,
}: LeaseElectionOptions) {
  if (leaseDurationMilliseconds <= renewDeadlineMilliseconds) {
    throw new RangeError('leaseDuration must be longer than renewDeadline');
  }
  if (renewDeadlineMilliseconds <= retryPeriodMilliseconds * JITTER_FACTOR) {
    throw new RangeError('renewDeadline must be longer than retryPeriod × 1.2');
  }
  return { leaseDurationMilliseconds, renewDeadlineMilliseconds, retryPeriodMilliseconds };
}
