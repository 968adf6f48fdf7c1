/** What only one replica does at a time: reconcile. Two at once do no harm. */

import { randomUUID } from 'node:crypto';
import { CONTROLLER_NAME } from '../../core/api/names.ts';
import { createLeaseElection, type LeaseElection } from '../../core/kubernetes/lease.ts';
import type { ReconcilerDependencies } from '../reconcile/reconciler.ts';
import { runWorker } from '../reconcile/reconciler.ts';
import type { GrantQueue } from './grant-queue.ts';

export interface LeadingParts {
  reconciler: ReconcilerDependencies;
  grantQueue: GrantQueue;
  /** Of the Lease. */
  namespace: string;
  /** Of this replica. */
  identity: string;
}

const WORKERS = 8;

export function createLeading({
  reconciler,
  grantQueue,
  namespace,
  identity,
}: LeadingParts): LeaseElection {
  const { client, clock, cache, log } = reconciler;
  return createLeaseElection({
    client,
    clock,
    namespace,
    name: CONTROLLER_NAME,
    // Unique per process: a container that restarts keeps its pod's name, and must not believe that it holds its old Lease.
    identity: `${identity}_${randomUUID()}`,
    async onStartedLeading(signal) {
      grantQueue.startLeading(cache);
      await Promise.all(Array.from({ length: WORKERS }, () => runWorker(reconciler, signal)));
    },
    onStoppedLeading: grantQueue.stopLeading,
    report: (report) => log.info('leader election reported a change or a failure', { ...report }),
  });
}
