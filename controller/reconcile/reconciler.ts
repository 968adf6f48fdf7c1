/** Brings every grant to where it should be: fetch from the cache, planStep, do one step, look again. Level-based. */

import type { Use } from '../../core/api/generated/actiongrant.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { parseKey } from '../../core/kubernetes/object.ts';
import type { WorkQueue } from '../../core/kubernetes/workqueue.ts';
import type { Logger } from '../../process/log.ts';
import { approvalOf } from '../grants/approval.ts';
import { firstEndedBeyond } from '../grants/cache.ts';
import type { LiveGrant } from '../grants/resource.ts';
import { approve } from './approve.ts';
import { type BurnDependencies, burn, podIsGoneForSure } from './burn.ts';
import { collectSecret, recordUnconfirmed, remove } from './collect.ts';
import { describePending } from './describe.ts';
import { expire } from './expire.ts';
import { planStep } from './plan-step.ts';

export interface ReconcilerDependencies extends BurnDependencies {
  queue: WorkQueue;
  podIsGone(grant: LiveGrant, use: Use): boolean;
  /** Ended grants that a namespace keeps: with more, the one that ended first goes before its time. */
  maxFinishedPerNamespace: number;
  log: Logger;
}

/** Works on the queue until the signal fires. Several workers may run: the queue keeps a key to one of them. */
export async function runWorker(
  dependencies: ReconcilerDependencies,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let key: string | undefined;
    try {
      key = await dependencies.queue.get(signal);
    } catch {
      return;
    }
    if (key === undefined) return;
    await processKey(dependencies, key);
  }
}

async function processKey(dependencies: ReconcilerDependencies, key: string): Promise<void> {
  const { queue, log } = dependencies;
  try {
    const requeueAfter = await reconcile(dependencies, key);
    queue.forget(key);
    if (requeueAfter !== undefined) queue.addAfter(key, requeueAfter);
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) {
      queue.forget(key);
    } else if (isKubernetesError(error, 'Conflict')) {
      // Somebody else changed the grant. The watch brings the new state; the queue does so where the watch already has.
      queue.addRateLimited(key);
    } else if (error instanceof ProblemError && error.code === 'GrantInvalid') {
      // The grant stays invalid however often it is tried. Its decision deadline ends it.
      log.warn('a grant cannot be used', { key, detail: error.detail });
      queue.forget(key);
      queue.addAfter(key, INVALID_RECHECK_MILLISECONDS);
    } else {
      log.warn('a grant could not be reconciled and is tried again', { key, error });
      queue.addRateLimited(key);
    }
  } finally {
    queue.done(key);
  }
}

/** The cache of pods is behind: by then it has caught up. */
const POD_RECHECK_MILLISECONDS = 1_000;
const INVALID_RECHECK_MILLISECONDS = 60_000;
/** Timers longer than this are split: JavaScript's take 32 bits. */
const MAX_WAIT_MILLISECONDS = 24 * 60 * 60 * 1000;

/** One look at one grant. @returns when to look again without being told, in ms */
export async function reconcile(
  dependencies: ReconcilerDependencies,
  key: string,
): Promise<number | undefined> {
  const { cache, maxFinishedPerNamespace } = dependencies;
  const grant = cache.get(parseKey(key));
  if (grant === undefined) return undefined;
  const { namespace, uid } = grant.metadata;
  const approval = approvalOf(grant);
  const step = planStep(grant, {
    approval,
    now: dependencies.clock.now(),
    podIsGone: (use) => dependencies.podIsGone(grant, use),
    isSurplus: () =>
      firstEndedBeyond(cache, namespace, maxFinishedPerNamespace)?.metadata.uid === uid,
  });
  switch (step.type) {
    case 'Wait':
      return step.milliseconds === undefined
        ? undefined
        : Math.min(step.milliseconds, MAX_WAIT_MILLISECONDS);
    case 'Approve':
      await approve(dependencies, grant, approval);
      break;
    case 'Describe':
      await describePending(dependencies, grant);
      break;
    case 'Expire':
      await expire(dependencies, grant);
      break;
    case 'Burn':
      if (
        step.reason === 'its pod is gone' &&
        !(await podIsGoneForSure(dependencies.client, grant, step.use))
      ) {
        return POD_RECHECK_MILLISECONDS;
      }
      await burn(dependencies, grant, step.use, step.reason);
      break;
    case 'Collect':
      await collectSecret(dependencies, grant);
      break;
    case 'Unconfirmed':
      await recordUnconfirmed(dependencies, grant, step.use);
      break;
    case 'Remove':
      await remove(dependencies, grant, step.reason);
      return undefined;
  }
  // The step's own write may be in the cache already: look at once at what it needs next.
  return 0;
}
