/** A Lease as a lock between candidates: a compare-and-swap decides who holds it, by the rules of client-go's resourcelock. */

import type { Clock } from '../time/clock.ts';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { Live } from './object.ts';
import { type Lease, type LeaseSpec, leases } from './resources.ts';
import { microTime } from './time.ts';

export interface LeaseLockOptions {
  client: Pick<KubernetesClient, 'get' | 'create' | 'replace'>;
  clock: Clock;
  namespace: string;
  name: string;
  /** Unique to this process, its restarts included: the holder of a Lease renews it unasked. */
  identity: string;
  /** How long other candidates wait after the last renewal they saw. */
  leaseDurationMilliseconds: number;
  callTimeoutMilliseconds: number;
  /** Called when another holder than before is seen, this candidate included. */
  onHolder(identity: string): void;
}

export interface LeaseLock {
  /** The holder last seen; undefined: there was none. */
  holder(): string | undefined;
  /** @returns whether this candidate holds the Lease now. @throws KubernetesError when that is not known */
  acquireOrRenew(): Promise<boolean>;
  /** Gives the Lease up, if this candidate holds it, so that the next one need not wait. @throws KubernetesError */
  release(): Promise<void>;
}

export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { client, clock, namespace, name, identity, leaseDurationMilliseconds, onHolder } = options;
  const callOptions = { timeoutMilliseconds: options.callTimeoutMilliseconds };
  let seen: Live<Lease> | undefined;
  /** When the record last changed before this candidate's eyes, monotonic ms: the clocks of other machines do not count. */
  let changedAt = 0;

  const holder = (): string | undefined => seen?.spec?.holderIdentity || undefined;

  const heldByAnother = (): boolean => {
    const current = holder();
    if (current === undefined || current === identity) return false;
    const duration = (seen?.spec?.leaseDurationSeconds ?? 0) * 1000;
    return clock.monotonic() < changedAt + duration;
  };

  const observe = (lease: Live<Lease>): void => {
    const before = seen?.spec;
    seen = lease;
    if (record(before) === record(lease.spec)) return;
    changedAt = clock.monotonic();
    const current = holder();
    if (current !== undefined && current !== before?.holderIdentity) onHolder(current);
  };

  const read = async (): Promise<Live<Lease> | undefined> => {
    try {
      const lease = await client.get(leases, { namespace, name }, callOptions);
      observe(lease);
      return lease;
    } catch (error) {
      if (isKubernetesError(error, 'NotFound')) return undefined;
      throw error;
    }
  };

  /** Takes or keeps the Lease. The resourceVersion lets one of several candidates win. */
  const write = async (current: Live<Lease> | undefined): Promise<void> => {
    const spec = claimed(current, {
      identity,
      now: clock.now(),
      durationMilliseconds: leaseDurationMilliseconds,
    });
    observe(
      current
        ? await client.replace(leases, { ...current, spec }, callOptions)
        : await client.create(leases, { metadata: { namespace, name }, spec }, callOptions),
    );
  };

  return {
    holder,
    async acquireOrRenew() {
      if (seen && holder() === identity) {
        try {
          await write(seen);
          return true;
        } catch (error) {
          if (!isKubernetesError(error, 'Conflict', 'NotFound')) throw error;
        }
      }
      const lease = await read();
      if (!lease) {
        await write(undefined);
        return true;
      }
      if (heldByAnother()) return false;
      try {
        await write(lease);
        return true;
      } catch (error) {
        // Another candidate was faster.
        if (!isKubernetesError(error, 'Conflict')) throw error;
        await read();
        return false;
      }
    },
    async release() {
      const now = microTime(clock.now());
      const lease = await read();
      if (lease?.spec?.holderIdentity !== identity) return;
      // As client-go: without a holder the next candidate is in at once.
      const { holderIdentity: _, ...rest } = lease.spec;
      const spec = { ...rest, leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
      observe(await client.replace(leases, { ...lease, spec }, callOptions));
    },
  };
}

/** The record of a Lease that this candidate takes or renews. */
function claimed(
  current: Live<Lease> | undefined,
  claim: { identity: string; now: number; durationMilliseconds: number },
): LeaseSpec {
  const now = microTime(claim.now);
  const previous = current?.spec;
  const renewed = previous?.holderIdentity === claim.identity;
  const transitions = previous?.leaseTransitions ?? 0;
  return {
    holderIdentity: claim.identity,
    leaseDurationSeconds: Math.ceil(claim.durationMilliseconds / 1000),
    acquireTime: renewed ? (previous.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: !current || renewed ? transitions : transitions + 1,
  };
}

/** What changes with every renewal and every change of hands. */
function record(spec: LeaseSpec | undefined): string {
  const { holderIdentity, renewTime, acquireTime, leaseTransitions } = spec ?? {};
  return JSON.stringify([holderIdentity, renewTime, acquireTime, leaseTransitions]);
}
