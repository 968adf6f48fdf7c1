/** Leader election over a Lease (coordination.k8s.io/v1), by client-go's rules. */
import type { Clock } from '../time/clock.ts';
import { pause } from '../time/pause.ts';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { Live } from './object.ts';
import { type Lease, type LeaseSpec, leases } from './resources.ts';
import { microTime } from './time.ts';

export interface LeaseElectionOptions {
  client: Pick<KubernetesClient, 'get' | 'create' | 'replace'>;
  clock: Clock;
  namespace: string;
  name: string;
  /** Unique to this process, its restarts included: the holder of a Lease renews it unasked. */
  identity: string;
  /** How long others wait after the last renewal they saw. Default 15 s. */
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

export function createLeaseElection(options: LeaseElectionOptions): LeaseElection {
  return new Candidate(options);
}

const jitterFactor = 1.2;

/** One term as leader. */
interface Term {
  readonly losing: AbortController;
  /** Settles when the leader's work has ended. */
  work: Promise<void>;
  deadline: { cancel(): void };
  failed: boolean;
}

class Candidate implements LeaseElection {
  readonly #options: LeaseElectionOptions;
  readonly #leaseDuration: number;
  readonly #renewDeadline: number;
  readonly #retryPeriod: number;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lease: Live<Lease> | undefined;
  /** When the Lease's record last changed before our eyes: remote clocks don't count. */
  #observedAt = 0;
  #term: Term | undefined;

  constructor(options: LeaseElectionOptions) {
    this.#options = options;
    this.#leaseDuration = options.leaseDurationMilliseconds ?? 15_000;
    this.#renewDeadline = options.renewDeadlineMilliseconds ?? 10_000;
    this.#retryPeriod = options.retryPeriodMilliseconds ?? 2_000;
    this.#random = options.random ?? Math.random;
    // client-go's conditions: without them two would lead by plan.
    if (this.#leaseDuration <= this.#renewDeadline) {
      throw new RangeError('leaseDuration must be longer than renewDeadline');
    }
    if (this.#renewDeadline <= this.#retryPeriod * jitterFactor) {
      throw new RangeError('renewDeadline must be longer than retryPeriod × 1.2');
    }
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  isLeader(): boolean {
    return this.#term !== undefined && !this.#term.losing.signal.aborted;
  }

  leader(): string | undefined {
    return this.#lease?.spec?.holderIdentity || undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#attempt();
      // A lost term's work must have ended before the next one begins here.
      if (this.#term?.losing.signal.aborted) await this.#endTerm(this.#term);
      if (!signal.aborted) await this.#pause();
    }
    if (this.#term) {
      this.#lose(this.#term, 'Stopped');
      await this.#endTerm(this.#term);
    }
    if (this.leader() === this.#options.identity) await this.#release();
  }

  async #attempt(): Promise<void> {
    const began = this.#options.clock.monotonic();
    try {
      const held = await this.#acquireOrRenew();
      if (held && !this.#stopping.signal.aborted) this.#hold(began);
      else if (!held && this.#term) this.#lose(this.#term, 'TakenOver');
    } catch (error) {
      // While leading, the deadline decides; others and we try again.
      if (!this.#stopping.signal.aborted) this.#options.report({ type: 'AttemptFailed', error });
    }
  }

  /** @returns whether the Lease is ours now; throws when that is not known. */
  async #acquireOrRenew(): Promise<boolean> {
    if (this.#lease && this.leader() === this.#options.identity) {
      try {
        await this.#write(this.#lease);
        return true;
      } catch (error) {
        if (!isKubernetesError(error, 'Conflict', 'NotFound')) throw error;
      }
    }
    const lease = await this.#read();
    if (!lease) {
      await this.#write(undefined);
      return true;
    }
    if (this.#heldByAnother()) return false;
    try {
      await this.#write(lease);
      return true;
    } catch (error) {
      // Another candidate was faster.
      if (!isKubernetesError(error, 'Conflict')) throw error;
      await this.#read();
      return false;
    }
  }

  #heldByAnother(): boolean {
    const holder = this.leader();
    if (holder === undefined || holder === this.#options.identity) return false;
    const duration = (this.#lease?.spec?.leaseDurationSeconds ?? 0) * 1000;
    return this.#options.clock.monotonic() < this.#observedAt + duration;
  }

  async #read(): Promise<Live<Lease> | undefined> {
    const { client, namespace, name } = this.#options;
    try {
      const lease = await client.get(leases, { namespace, name }, this.#callOptions());
      this.#observe(lease);
      return lease;
    } catch (error) {
      if (isKubernetesError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** Makes or keeps the Lease ours. The resourceVersion lets one of several candidates win. */
  async #write(current: Live<Lease> | undefined): Promise<void> {
    const { client, clock, namespace, name, identity } = this.#options;
    const now = microTime(clock.now());
    const previous = current?.spec;
    const ours = previous?.holderIdentity === identity;
    const transitions = previous?.leaseTransitions ?? 0;
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDuration / 1000),
      acquireTime: ours ? (previous.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: !current || ours ? transitions : transitions + 1,
    };
    this.#observe(
      current
        ? await client.replace(leases, { ...current, spec }, this.#callOptions())
        : await client.create(leases, { metadata: { namespace, name }, spec }, this.#callOptions()),
    );
  }

  #observe(lease: Live<Lease>): void {
    const before = this.#lease?.spec;
    this.#lease = lease;
    if (record(before) === record(lease.spec)) return;
    this.#observedAt = this.#options.clock.monotonic();
    const holder = this.leader();
    if (holder !== undefined && holder !== before?.holderIdentity) {
      this.#options.report({ type: 'LeaderObserved', identity: holder });
    }
  }

  /** The Lease is ours, by a write that was begun at `since`: nobody counts from earlier. */
  #hold(since: number): void {
    const { clock } = this.#options;
    const remaining = since + this.#renewDeadline - clock.monotonic();
    if (remaining <= 0) return;
    const term = this.#term ?? this.#beginTerm();
    term.deadline.cancel();
    term.deadline = clock.after(remaining, () => this.#lose(term, 'RenewDeadline'));
  }

  #beginTerm(): Term {
    const losing = new AbortController();
    const term: Term = {
      losing,
      work: Promise.resolve(),
      deadline: { cancel() {} },
      failed: false,
    };
    this.#term = term;
    this.#options.report({ type: 'StartedLeading' });
    term.work = this.#lead(term);
    return term;
  }

  async #lead(term: Term): Promise<void> {
    try {
      await this.#options.onStartedLeading(term.losing.signal);
    } catch (error) {
      this.#options.report({ type: 'LeaderFailed', error });
      term.failed = true;
      this.#lose(term, 'LeaderFailed');
    }
  }

  #lose(term: Term, reason: LossReason): void {
    if (term.losing.signal.aborted) return;
    term.deadline.cancel();
    term.losing.abort();
    this.#options.report({ type: 'StoppedLeading', reason });
    this.#options.onStoppedLeading();
  }

  async #endTerm(term: Term): Promise<void> {
    await term.work;
    this.#term = undefined;
    // Where it failed it may fail again: let another one try.
    if (term.failed && this.leader() === this.#options.identity) await this.#release();
  }

  /** As client-go: a holder of '' lets the next candidate in at once. */
  async #release(): Promise<void> {
    const now = microTime(this.#options.clock.now());
    try {
      const lease = await this.#read();
      if (!lease || lease.spec?.holderIdentity !== this.#options.identity) return;
      const { holderIdentity: _, ...rest } = lease.spec;
      const spec = { ...rest, leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
      this.#observe(
        await this.#options.client.replace(leases, { ...lease, spec }, this.#callOptions()),
      );
    } catch (error) {
      this.#options.report({ type: 'ReleaseFailed', error });
    }
  }

  #callOptions(): { timeoutMilliseconds: number } {
    // Short enough for a second try before the deadline.
    return { timeoutMilliseconds: this.#renewDeadline / 2 };
  }

  async #pause(): Promise<void> {
    const factor = 1 + this.#random() * (jitterFactor - 1);
    await pause(this.#options.clock, this.#retryPeriod * factor, this.#stopping.signal);
  }
}

/** What changes with every renewal and every change of hands. */
function record(spec: LeaseSpec | undefined): string {
  const { holderIdentity, renewTime, acquireTime, leaseTransitions } = spec ?? {};
  return JSON.stringify([holderIdentity, renewTime, acquireTime, leaseTransitions]);
}
